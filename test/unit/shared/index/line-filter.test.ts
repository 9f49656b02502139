import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endLine, formatRecord, pathOfLine, recordKey } from '../../../../shared/index/format.js';
import { compileGlob } from '../../../../shared/index/glob.js';
import { globFilter, pathFilter } from '../../../../shared/index/line-filter.js';
import { selectFromDifferences, selectLines } from '../../../../shared/index/select-lines.js';
import { tombstoneLine } from '../../../../shared/index/tombstone.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { run } from '../../../../shared/process/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { collect, makeDirectory, makeRecord, makeRoot } from './make-record.js';

const FILES = ['a', 'a.dat', 'sub/a.dat', 'sub/deep/a.dat', 'sub/deep/b.DAT', 'odd\nname.dat', 'sub/x\ny', 'sub/[a]', 'sub/a+b(c)|d$e^f{g}', 'sub/back\\slash', 'caf\xc3\xa9', 'raw\xff\xfe', 'END 5', 'sub.//x'.replace('//', '/'), '-e', 'tail\n', '\nhead'];
const DIRECTORIES = ['sub', 'sub/deep', 'a.d', 'sub/a.dat.d'];

const lines = [makeRoot(), ...FILES.map((path) => makeRecord(path)), ...DIRECTORIES.map((path) => makeDirectory(path))].map(formatRecord);
const gone = ['was.dat', 'sub/was\nthere'].map((path) => tombstoneLine(recordKey(makeRecord(path))));

async function indexFile(content: readonly string[], end = endLine(content.length)): Promise<string> {
  const file = join(await workspace(), 'index.zst');
  const text = Buffer.from([...[...content].sort(), end, ''].join('\0'), 'latin1');
  await writeFile(file, (await run({ program: 'zstd', args: ['-q', '-c'] }, { input: text })).stdout);
  return file;
}

describe('a glob, sifted by grep,', () => {
  const globs = [
    '*', '*.dat', 'a.dat', '?', 'a*', '*a', 'sub/*', 'sub/**', '**/a.dat', 'sub/**/a.dat', '**', 'sub/deep', 'deep', '[ab].dat', '[!b]*.dat', '\\[a\\]', '*+b(c)|d$e^f{g}', '*\\\\*',
    'odd\nname.dat', '*\n*', 'x\\\ny', 'caf\u00e9', 'END*', '.', '/sub/a.dat/', './a', '-e', 'was*', '*.d', 's?b/*', 'sub./x', 'sub/[a-c].dat', 'tail\n', '\nhead', 'none',
  ];

  it.each(globs)('%j lets through what the glob matches, all and only', async (glob) => {
    const all = [...lines, ...gone];
    const wanted = all.filter((line) => compileGlob(glob)(pathOfLine(line))).sort();
    expect(await collect(selectLines(await indexFile(all), globFilter(glob)))).toEqual(wanted);
  });

  it('has almost nothing left for us to reject', () => {
    const { stages } = globFilter('sub/*.dat');
    expect(stages.map((args) => args.map((arg) => arg.toString('latin1')))).toEqual([
      ['-E', '-e', '^\\./sub/', '-e', '^//END '],
      ['-E', '-e', '//[^/]*\\.dat/', '-e', '/[^/]*\\.dat//\\./', '-e', '^//END '],
    ]);
  });
});

describe('a path', () => {
  it.each([...FILES, ...DIRECTORIES, '.'])('%j finds its line and no other', async (path) => {
    const found = await collect(selectLines(await indexFile(lines), pathFilter(bytePath.of(path))));
    expect(found.map(pathOfLine)).toEqual([path]);
  });
});

describe('an index', () => {
  it('that was cut off is damaged, whatever is looked for', async () => {
    const whole = await indexFile(lines);
    const file = join(await workspace(), 'cut.zst');
    const { stdout } = await run({ program: 'head', args: ['-c', '-20', '--', whole] });
    await writeFile(file, stdout);
    await expect(collect(selectLines(file, globFilter('none')))).rejects.toMatchObject({ code: 'INDEX_DAMAGED', subject: file });
    await expect(collect(selectFromDifferences([whole, file], globFilter('none')))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
  });

  it('without end record is damaged, also among others', async () => {
    const void_ = await indexFile(lines, 'x//y/f');
    await expect(collect(selectLines(void_, globFilter('none')))).rejects.toMatchObject({ code: 'INDEX_DAMAGED', detail: expect.stringContaining('no end record') as string });
    await expect(collect(selectFromDifferences([await indexFile([]), void_], globFilter('none')))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
  });

  it('of many, each line knows its own', async () => {
    const files = [await indexFile([lines[1] ?? '']), await indexFile([]), await indexFile(gone), await indexFile([lines[1] ?? ''])];
    const found = await collect(selectFromDifferences(files, globFilter('*')));
    expect(found.map(({ line, file }) => `${file} ${pathOfLine(line)}`)).toEqual(['0 a', ...[...gone].sort().map((line) => `2 ${pathOfLine(line)}`), '3 a']);
  });
});
