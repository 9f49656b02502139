import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endLine, formatRecord, pathOfLine } from '../../../../shared/index/format.js';
import { findEntries, keyRange, type StateLayer } from '../../../../shared/index/state.js';
import type { IndexRecord } from '../../../../shared/index/record.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { run } from '../../../../shared/process/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { makeDirectory, makeRecord, makeRoot } from './make-record.js';

const RECORDS = [
  makeRoot(),
  ...['a', 'a/b', 'a/b/c', 'a-x', 'ab', 'z'].map((path) => makeDirectory(path)),
  ...['a/b/c/f', 'a/b/f', 'a/b-c', 'a/f', 'a-x/f', 'ab/f', 'f', 'z/f', 'a/\xff'].map((path) => makeRecord(path)),
];

async function layer(records = RECORDS): Promise<StateLayer> {
  const file = join(await workspace(), 'index.zst');
  const lines = records.map(formatRecord).sort();
  await writeFile(file, (await run({ program: 'zstd', args: ['-q', '-c'] }, { input: Buffer.from(`${[...lines, endLine(lines.length)].join('\0')}\0`, 'latin1') })).stdout);
  return { file, backupId: '01M8AG3RME11H1G53WJZA84PKE' };
}

/** Names that begin with what sorts before `/`; `cached`: files of `.cache`, between the directories and the files of the root. */
function withDots(cached: number): IndexRecord[] {
  const directories = ['.ssh', '.d', '.d/s', 'a', 'a/.x', '-x', '.cache'].map((path) => makeDirectory(path));
  const files = ['.ssh/id', '.bashrc', '.d/a', '.d/s/m', '.d/s/n', '.d/z', 'a/.x/f', 'a/.y', '-x/f', '#x'].map((path) => makeRecord(path));
  return [makeRoot(), ...directories, ...files, ...Array.from({ length: cached }, (_, i) => makeRecord(`.cache/f${String(i).padStart(5, '0')}`))];
}

async function pathsFound(layers: readonly StateLayer[], paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const entries of findEntries(layers, paths.map((path) => bytePath.of(path)))) found.push(...entries.map(({ line }) => pathOfLine(line)));
  return found.sort();
}

describe('findEntries', () => {
  it.each([
    [['a/b'], ['a/b', 'a/b/c', 'a/b/c/f', 'a/b/f']],
    [['f'], ['f']],
    [['a/f', 'z'], ['a/f', 'z', 'z/f']],
    [['a/\xff'], ['a/\xff']],
    [['nothing'], []],
  ])('of %j takes just what is there and below', async (paths, expected) => {
    expect(await pathsFound([await layer()], paths)).toEqual(expected);
  });

  it.each([
    [['.ssh'], ['.ssh', '.ssh/id']],
    [['.bashrc'], ['.bashrc']],
    [['a/.x'], ['a/.x', 'a/.x/f']],
    [['a/.y'], ['a/.y']],
    [['-x'], ['-x', '-x/f']],
    [['#x'], ['#x']],
    [['.d', '.d/s/n'], ['.d', '.d/a', '.d/s', '.d/s/m', '.d/s/n', '.d/z']],
    [['.d/s/n', '.ssh/id', 'a'], ['.d/s/n', '.ssh/id', 'a', 'a/.x', 'a/.x/f', 'a/.y']],
  ])('of %j finds names that sort before the slash', async (paths, expected) => {
    expect(await pathsFound([await layer(withDots(0))], paths)).toEqual(expected);
  });

  it('goes on to a dot file behind batches of dot directories', async () => {
    const layers = [await layer(withDots(4100))]; // a batch has 2000 lines
    expect(await pathsFound(layers, ['.bashrc'])).toEqual(['.bashrc']);
    expect(await pathsFound(layers, ['.ssh'])).toEqual(['.ssh', '.ssh/id']);
    expect(await pathsFound(layers, ['.cache/f04099', 'a/.y'])).toEqual(['.cache/f04099', 'a/.y']);
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

  it.each(['a', '.ssh', '-x', 'a/.x'])('of %s begins and ends with what may be its line', (path) => {
    const { first, last } = keyRange([bytePath.of(path)]);
    for (const record of [makeDirectory(path), makeRecord(path), makeRecord(`${path}/f`), makeRecord(`${path}/.f`)]) {
      const line = formatRecord(record);
      expect(line >= first && line <= last).toBe(true);
    }
  });
});
