import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endLine, formatRecord, pathOfLine } from '../../../../shared/index/format.js';
import { findEntries, keyRange, type StateLayer } from '../../../../shared/index/state.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { run } from '../../../../shared/process/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { makeDirectory, makeRecord, makeRoot } from './make-record.js';

const RECORDS = [
  makeRoot(),
  ...['a', 'a/b', 'a/b/c', 'a-x', 'ab', 'z'].map((path) => makeDirectory(path)),
  ...['a/b/c/f', 'a/b/f', 'a/b-c', 'a/f', 'a-x/f', 'ab/f', 'f', 'z/f', 'a/\xff'].map((path) => makeRecord(path)),
];

async function layer(): Promise<StateLayer> {
  const file = join(await workspace(), 'index.zst');
  const lines = RECORDS.map(formatRecord).sort();
  await writeFile(file, (await run({ program: 'zstd', args: ['-q', '-c'] }, { input: Buffer.from(`${[...lines, endLine(lines.length)].join('\0')}\0`, 'latin1') })).stdout);
  return { file, backupId: '01M8AG3RME11H1G53WJZA84PKE' };
}

describe('findEntries', () => {
  it.each([
    [['a/b'], ['a/b', 'a/b/c', 'a/b/c/f', 'a/b/f']],
    [['f'], ['f']],
    [['a/f', 'z'], ['a/f', 'z', 'z/f']],
    [['a/\xff'], ['a/\xff']],
    [['nothing'], []],
  ])('of %j takes just what is there and below', async (paths, expected) => {
    const found: string[] = [];
    for await (const entries of findEntries([await layer()], paths.map((path) => bytePath.of(path)))) found.push(...entries.map(({ line }) => pathOfLine(line)));
    expect(found.sort()).toEqual(expected);
  });

  it('of everything takes all', async () => {
    let found = 0;
    for await (const entries of findEntries([await layer()], [bytePath.of('.')])) found += entries.length;
    expect(found).toBe(RECORDS.length);
  });
});

describe('keyRange', () => {
  it('has every line of the paths and below them in it', () => {
    const { first, last } = keyRange([bytePath.of('a/b')]);
    const within = RECORDS.map(formatRecord).filter((line) => line >= first && line <= last).map(pathOfLine);
    for (const path of ['a/b', 'a/b/c', 'a/b/c/f', 'a/b/f']) expect(within).toContain(path);
    expect(within).not.toContain('z/f');
    expect(within).not.toContain('f');
  });
});
