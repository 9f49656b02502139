import { appendFile, mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JournalProblems, openJournal, readJournal, writerName, type JournalEntry, type JournalRecord, type ReadJournalOptions } from '../../../../shared/journal/index.js';
import { workspace } from '../../../helpers/workspace.js';

const T0 = Date.UTC(2026, 0, 1);
const BACKUP = '01KDVG6S00DBGGZSJ8TX9PE0AB';
const sealed = (basepathId: string): JournalEntry => ({ kind: 'sealed', backupId: BACKUP, basepathId });
const names = (records: readonly JournalRecord[]): string[] => records.map((record) => ('basepathId' in record ? record.basepathId : record.kind));

async function readAll(dir: string, options: Partial<ReadJournalOptions> = {}): Promise<{ records: JournalRecord[]; problems: JournalProblems }> {
  const problems = new JournalProblems();
  const records: JournalRecord[] = [];
  for await (const record of readJournal(dir, { onProblem: problems.add, ...options })) records.push(record);
  return { records, problems };
}

async function onlyFile(dir: string): Promise<string> {
  const [name, more] = await readdir(dir);
  if (name === undefined || more !== undefined) throw new Error('not exactly one file');
  return join(dir, name);
}

describe('Journal', () => {
  it('writes nothing until there is something to write, then one line per record, 0700 and 0600', async () => {
    const dir = join(await workspace(), 'journal');
    const journal = await openJournal(dir, writerName('ie01', 42), { now: () => T0 });
    expect(await readdir(dir)).toEqual([]);
    await journal.append(sealed('alice'));
    await journal.append({ kind: 'operator', act: 'dismiss', reason: 'line\nbreak "quoted"' });
    await journal.close();
    const file = await onlyFile(dir);
    expect(file).toMatch(/journal\/ie01-42-[0-9A-HJKMNP-TV-Z]{26}\.ndjson$/);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toBe(
      `{"v":1,"at":"2026-01-01T00:00:00.000Z","writer":"ie01-42","kind":"sealed","backupId":"${BACKUP}","basepathId":"alice"}\n` +
      '{"v":1,"at":"2026-01-01T00:00:00.000Z","writer":"ie01-42","kind":"operator","act":"dismiss","reason":"line\\nbreak \\"quoted\\""}\n',
    );
  });

  it('shares one write and fsync among appends that wait, in order', async () => {
    const dir = await workspace();
    const calls: string[] = [];
    const journal = await openJournal(dir, 'w', {
      openFile: async (path) => {
        const file = await open(path, 'ax');
        return {
          appendFile: async (bytes) => { calls.push('write'); await file.appendFile(bytes); },
          datasync: async () => { calls.push('fsync'); await file.datasync(); },
          close: () => file.close(),
        };
      },
    });
    await Promise.all(Array.from({ length: 500 }, (_, index) => journal.append(sealed(`b${index}`))));
    await journal.close();
    expect(calls).toEqual(['write', 'fsync', 'write', 'fsync']);
    expect(names((await readAll(dir)).records)).toEqual(Array.from({ length: 500 }, (_, index) => `b${index}`));
  });

  it('has fsynced when append resolves', async () => {
    const dir = await workspace();
    let synced = false;
    const journal = await openJournal(dir, 'w', {
      openFile: async (path) => {
        const file = await open(path, 'ax');
        return { appendFile: (bytes) => file.appendFile(bytes), datasync: async () => { await file.datasync(); synced = true; }, close: () => file.close() };
      },
    });
    await journal.append(sealed('alice'));
    expect(synced).toBe(true);
    await journal.close();
  });

  it('appends again after a failed write, in a file of its own', async () => {
    const dir = await workspace();
    let broken = true;
    const journal = await openJournal(dir, 'w', {
      openFile: async (path) => {
        const file = await open(path, 'ax');
        const appendHalf = async (bytes: Buffer): Promise<void> => {
          await file.appendFile(bytes.subarray(0, 20));
          throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        };
        return { appendFile: (bytes) => (broken ? appendHalf(bytes as Buffer) : file.appendFile(bytes)), datasync: () => file.datasync(), close: () => file.close() };
      },
    });
    await expect(Promise.allSettled([journal.append(sealed('a')), journal.append(sealed('b'))])).resolves.toMatchObject([
      { status: 'rejected', reason: { code: 'JOURNAL_WRITE_FAILED', retry: 'retry' } },
      { status: 'rejected', reason: { code: 'JOURNAL_WRITE_FAILED' } },
    ]);
    broken = false;
    await journal.append(sealed('c'));
    await journal.close();
    const { records, problems } = await readAll(dir);
    expect(names(records)).toEqual(['c']);
    expect(problems.counts.torn).toBeGreaterThan(0);
    expect(problems.counts.damaged).toBe(0);
  });

  it('refuses what could not be read back, and writes none of it', async () => {
    const dir = await workspace();
    const journal = await openJournal(dir, 'w');
    const broken = { kind: 'sealed', backupId: 'x', basepathId: 'a' } as JournalEntry;
    await expect(journal.appendAll([sealed('a'), broken])).rejects.toMatchObject({ code: 'JOURNAL_RECORD_INVALID' });
    await expect(journal.append({ kind: 'operator', act: 'x', reason: 'r'.repeat(2 << 20) })).rejects.toMatchObject({ code: 'JOURNAL_RECORD_INVALID' });
    await journal.close();
    expect(await readdir(dir)).toEqual([]);
    await expect(journal.append(sealed('a'))).rejects.toMatchObject({ code: 'JOURNAL_WRITE_FAILED' });
    await expect(openJournal(dir, '../x')).rejects.toMatchObject({ code: 'JOURNAL_BAD_WRITER' });
  });

  it('begins a new file at the size limit and keeps the order over both', async () => {
    const dir = await workspace();
    let now = T0;
    const journal = await openJournal(dir, 'w', { rotateBytes: 1000, now: () => now++ });
    for (let index = 0; index < 30; index += 1) await journal.append(sealed(`b${index}`));
    await journal.close();
    expect((await readdir(dir)).length).toBeGreaterThan(2);
    for (const name of await readdir(dir)) expect((await stat(join(dir, name))).size).toBeLessThan(1200);
    expect(names((await readAll(dir)).records)).toEqual(Array.from({ length: 30 }, (_, index) => `b${index}`));
  });

  it('never goes back in time when the clock does', async () => {
    const dir = await workspace();
    const times = [T0 + 5000, T0];
    const journal = await openJournal(dir, 'w', { now: () => times.shift() ?? 0 });
    await journal.append(sealed('a'));
    await journal.append(sealed('b'));
    await journal.close();
    expect((await readAll(dir)).records.map((record) => record.at)).toEqual(['2026-01-01T00:00:05.000Z', '2026-01-01T00:00:05.000Z']);
  });
});

describe('readJournal', () => {
  it('merges writers by time, whatever their number and overlap', async () => {
    const dir = await workspace();
    let now = T0;
    const journals = await Promise.all(Array.from({ length: 12 }, (_, index) => openJournal(dir, `ie${index}-1`, { now: () => now, rotateBytes: 2000 })));
    for (let step = 0; step < 600; step += 1) {
      now += step % 7 === 0 ? 0 : 10;
      await journals[(step * step) % 12]?.append(sealed(`b${step}`));
    }
    await Promise.all(journals.map((journal) => journal.close()));
    const { records } = await readAll(dir);
    expect(records).toHaveLength(600);
    expect(records.map((record) => record.at)).toEqual(records.map((record) => record.at).sort());
    expect(new Set(names(records)).size).toBe(600);
    expect((await readAll(dir)).records).toEqual(records);
  });

  it('has no more files open than overlap in time', async () => {
    const dir = await workspace();
    for (let index = 0; index < 50; index += 1) {
      let now = T0 + index * 1000;
      const journal = await openJournal(dir, `w${index}`, { now: () => now++ });
      await journal.appendAll([sealed('a')]);
      await journal.append(sealed('b'));
      await journal.close();
    }
    const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await openFiles();
    let most = 0;
    for await (const record of readJournal(dir, { onProblem: () => undefined })) {
      expect(record.kind).toBe('sealed');
      most = Math.max(most, (await openFiles()) - before);
    }
    expect(most).toBeLessThanOrEqual(3);
    expect(await openFiles()).toBe(before);
  });

  it('closes its files when the reader stops early', async () => {
    const dir = await workspace();
    const journal = await openJournal(dir, 'w');
    await journal.appendAll(Array.from({ length: 2000 }, () => sealed('a')));
    await journal.close();
    const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await openFiles();
    const reading = readJournal(dir, { onProblem: () => undefined });
    await reading.next();
    expect(await openFiles()).toBe(before + 1);
    await reading.return(undefined);
    expect(await openFiles()).toBe(before);
  });

  it('tolerates a torn end at every byte', async () => {
    const dir = await workspace();
    const journal = await openJournal(dir, 'w');
    await journal.append(sealed('first'));
    await journal.append(sealed('é second'));
    await journal.close();
    const file = await onlyFile(dir);
    const whole = await readFile(file);
    const second = whole.indexOf(0x0a) + 1;
    for (let length = whole.length - 1; length >= second; length -= 1) {
      await truncate(file, length);
      const { records, problems } = await readAll(dir);
      expect(names(records)).toEqual(['first']);
      expect(problems.counts).toEqual({ torn: length > second ? 1 : 0, damaged: 0, unknown: 0, unreadable: 0 });
    }
  });

  it('reports damaged and unknown lines with their place, and goes on behind them', async () => {
    const dir = await workspace();
    const header = '"v":1,"at":"2026-01-01T00:00:00.000Z","writer":"w"';
    const good = `{${header},"kind":"sealed","backupId":"${BACKUP}","basepathId":"good","addedLater":1}`;
    await writeFile(join(dir, 'w.ndjson'), [
      good, '\0'.repeat(500), 'not json', '', `{${header},"kind":"sealed"}`, `{${header},"kind":"newer-kind","x":1}`,
      good.replace('"v":1', '"v":2'), `{${header},"kind":"operator","act":"x","reason":"${'r'.repeat(3 << 20)}"}`, good, '',
    ].join('\n'));
    const { records, problems } = await readAll(dir);
    expect(names(records)).toEqual(['good', 'good']);
    expect(records[0]).not.toHaveProperty('addedLater');
    expect(problems.first.map(({ kind, line }) => `${kind} ${line}`)).toEqual(['damaged 2', 'damaged 3', 'damaged 4', 'damaged 5', 'unknown 6', 'unknown 7', 'damaged 8']);
  });

  it('goes on without a file the system refuses to read', async () => {
    const dir = await workspace();
    const journal = await openJournal(dir, 'w');
    await journal.append(sealed('good'));
    await journal.close();
    await mkdir(join(dir, 'a-directory.ndjson'));
    const { records, problems } = await readAll(dir);
    expect(names(records)).toEqual(['good']);
    expect(problems.first).toMatchObject([{ kind: 'unreadable', file: 'a-directory.ndjson' }]);
  });

  it('gives only the kinds asked for, and only from an instant on', async () => {
    const dir = await workspace();
    let now = T0;
    const journal = await openJournal(dir, 'w', { now: () => now });
    await journal.append({ kind: 'operator', act: 'x', reason: '"kind":"sealed"' });
    await journal.append(sealed('old'));
    now += 1000;
    await journal.append(sealed('new'));
    await journal.close();
    expect(names((await readAll(dir, { kinds: ['sealed'] })).records)).toEqual(['old', 'new']);
    expect(names((await readAll(dir, { kinds: ['operator'] })).records)).toEqual(['operator']);
    expect(names((await readAll(dir, { sinceMs: now })).records)).toEqual(['new']);
    const hours = 3_600_000;
    expect(names((await readAll(dir, { sinceMs: Date.now() + 3 * hours })).records)).toEqual([]);
  });

  it('reads a missing directory as empty and ignores other files', async () => {
    const dir = await workspace();
    expect((await readAll(join(dir, 'none'))).records).toEqual([]);
    await appendFile(join(dir, 'notes.txt'), 'x\n');
    expect((await readAll(dir)).problems.first).toEqual([]);
  });
});
