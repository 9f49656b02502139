import { describe, expect, it } from 'vitest';
import { parseEntry, parseFeatures } from '../../../../../../shared/transfer/gridftp/control/facts.js';
import { globusName, splitRecords } from '../../../../../../shared/transfer/gridftp/control/gsi.js';
import { LineSplitter } from '../../../../../../shared/transfer/gridftp/control/lines.js';
import { ReplyReader, saysMissing, type Reply } from '../../../../../../shared/transfer/gridftp/control/reply.js';

function read(text: string): Reply[] {
  const reader = new ReplyReader();
  const splitter = new LineSplitter();
  // Byte by byte: a network cuts where it likes.
  return [...text].flatMap((byte) => splitter.take(Buffer.from(byte, 'latin1'))).flatMap((line) => reader.take(line) ?? []);
}

describe('answers', () => {
  it('are put together from lines, preliminary ones left out', () => {
    expect(read('220 ready\r\n213 5\r\n150 Opening.\r\n226 Done.\r\n')).toEqual([
      { code: 220, lines: ['ready'] }, { code: 213, lines: ['5'] }, { code: 226, lines: ['Done.'] },
    ]);
  });

  it('end with their own code only', () => {
    expect(read('250-status of a\r\n 213 no end\r\n213 no end either\r\n250 End.\r\n200 next\r\n')).toEqual([
      { code: 250, lines: ['status of a', ' 213 no end', '213 no end either', 'End.'] }, { code: 200, lines: ['next'] },
    ]);
  });

  it('tell what is missing by words, whatever their code', () => {
    const [mlst, cksm, notEmpty] = read('550-GlobusError: v=1 c=PATH_NOT_FOUND\r\n550 End.\r\n500-globus_xio: System error in open: No such file or directory\r\n500 End.\r\n451-GridFTP-Error-String: Directory not empty\r\n451 End.\r\n');
    expect([mlst, cksm, notEmpty].map((reply) => reply !== undefined && saysMissing(reply))).toEqual([true, true, false]);
  });
});

describe('features', () => {
  const featuresOf = (...lines: string[]) => parseFeatures({ code: 211, lines });

  it('choose the best hash that is of use', () => {
    expect(featuresOf('Extensions supported', ' CKSM MD5:10;ADLER32:10;SHA1:10;SHA256:11;SHA512:12;', ' MLSC', ' DCAU')).toEqual({ hash: 'sha512', mlsc: true, dcau: true });
    expect(featuresOf(' CKSM MD5:10;SHA-256:3')).toMatchObject({ hash: 'sha256' });
    expect(featuresOf(' CKSM MD5')).toMatchObject({ hash: 'md5' });
    expect(featuresOf(' CKSM ADLER32:10;')).toMatchObject({ hash: null });
    expect(featuresOf(' MLST Type*;')).toEqual({ hash: null, mlsc: false, dcau: false });
  });
});

describe('entries', () => {
  it.each([
    [' Type=file;Modify=20261126152212;Size=65536; /far/b 1/s;3', { name: '/far/b 1/s;3', kind: 'file', bytes: 65_536, modifiedMs: Date.UTC(2026, 10, 26, 15, 22, 12) }],
    ['type=dir;size=4096; a', { name: 'a', kind: 'dir', bytes: 4096, modifiedMs: 0 }],
    [' Type=cdir;Perm=cfmpel;UNIX.mode=0755; .', { name: '.', kind: 'dir', bytes: 0, modifiedMs: 0 }],
    [' Type=OS.unix=slink:;Size=1; link', { name: 'link', kind: 'other', bytes: 1, modifiedMs: 0 }],
    ['Contents of a', null],
    ['End.', null],
  ])('%s', (line, entry) => {
    expect(parseEntry(line)).toEqual(entry);
  });
});

describe('GSI', () => {
  it('sends each TLS record as a token of its own', () => {
    const record = (length: number): Buffer => Buffer.concat([Buffer.from([0x17, 3, 3, length >> 8, length & 255]), Buffer.alloc(length, 1)]);
    expect(splitRecords(Buffer.concat([record(300), record(0), record(7)])).map((each) => each.length)).toEqual([305, 5, 12]);
    expect(splitRecords(Buffer.alloc(0))).toEqual([]);
  });

  it('writes names as Globus does', () => {
    expect(globusName('O=Grid\nOU=a/b\nCN=host/x')).toBe('/O=Grid/OU=a/b/CN=host/x');
  });
});
