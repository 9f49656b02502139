import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endLine, formatRecord, recordKey } from '../../../../shared/index/format.js';
import { recordPath } from '../../../../shared/index/record.js';
import { findInState, listState, readState, readStateRecords, type StateLayer } from '../../../../shared/index/state.js';
import { isTombstone, tombstoneLine } from '../../../../shared/index/tombstone.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { run } from '../../../../shared/process/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { makeRecord } from './make-record.js';

const FULL = '01M8AG3RME11H1G53WJZA84PKE';
const IDS = [FULL, '01M8AG3RME11H1G53WJZA84PK1', '01M8AG3RME11H1G53WJZA84PK2'];
const line = (path: string, fields: Parameters<typeof makeRecord>[1] = {}): string => formatRecord(makeRecord(path, { archive: '1.1', ...fields }));
const gone = (path: string, type: 'f' | 'd' = 'f'): string => tombstoneLine(recordKey(makeRecord(path, { type })));

async function layersOf(...contents: readonly (readonly string[])[]): Promise<StateLayer[]> {
  const dir = await workspace();
  return Promise.all(contents.map(async (lines, i) => {
    const sorted = [...lines].sort();
    const text = Buffer.from(`${[...sorted, endLine(sorted.length)].join('\0')}\0`, 'latin1');
    const file = join(dir, `${i}.zst`);
    await writeFile(file, (await run({ program: 'zstd', args: ['-q', '-c'] }, { input: text })).stdout);
    return { file, backupId: IDS[i] ?? '' };
  }));
}

async function all<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const batch of batches) found.push(...batch);
  return found;
}

/** In index order: a directory stands with what it contains. */
function byKey(a: string, b: string): number {
  const key = (text: string): string => {
    const path = text.split(' ')[0] ?? '';
    return recordKey(makeRecord(path, path === 'd' || path === '.' ? { type: 'd' } : {}));
  };
  return key(a) < key(b) ? -1 : 1;
}

describe('readState', () => {
  it('takes the latest word on each path, in order, and knows from which backup', async () => {
    const layers = await layersOf(
      [line('.', { type: 'd' }), line('a', { size: '1' }), line('b', { size: '1' }), line('d', { type: 'd' }), line('d/x'), line('z')],
      [line('a', { size: '2' }), gone('d/x'), gone('d', 'd'), line('c', { size: '5' })],
      [line('b', { size: '3', flags: 'x', archive: `1.1@${FULL}` }), line('d', { type: 'd' }), gone('c'), line('d/new')],
    );
    const records = await all(readStateRecords(layers));
    expect(records.map((record) => [recordPath(record), record.size, record.archive, IDS.indexOf(record.heldBy), IDS.indexOf(record.seenIn), record.flags].join(' '))).toEqual([
      '. 10 1.1 0 0 ',
      'a 2 1.1 1 1 ',
      'b 3 1.1 0 2 x',
      'z 10 1.1 0 0 ',
      'd 10 1.1 2 2 ',
      'd/new 10 1.1 2 2 ',
    ].sort(byKey));
  });

  it('is what applying the differences one after the other gives, for random chains', async () => {
    let seed = 11;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    const names = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? `dir${i}` : `dir${i - (i % 3)}/file-${i}`));
    for (let round = 0; round < 20; round++) {
      const expected = new Map<string, string>();
      const contents = [0, 1, 2].map((layer) => {
        const lines: string[] = [];
        for (const name of names) {
          if (layer > 0 && random(3) > 0) continue;
          const type = name.includes('/') ? 'f' : 'd';
          const key = recordKey(makeRecord(name, { type }));
          if (layer > 0 && random(2) === 0) {
            lines.push(tombstoneLine(key));
            expected.delete(key);
          } else {
            const content = line(name, { type, mtime: `${random(1000)}.0000000000` });
            lines.push(content);
            expected.set(key, `${layer} ${content}`);
          }
        }
        return lines;
      });
      const entries = await all(readState(await layersOf(...contents)));
      expect(entries.map((entry) => `${entry.layer} ${entry.line}`)).toEqual([...expected.keys()].sort().map((key) => expected.get(key)));
    }
  });

  it('finds by path and by pattern, and may be left early', async () => {
    const layers = await layersOf([line('a', { type: 'd' }), line('a/x.dat'), line('ab'), line('b.dat')], [gone('b.dat'), line('c.dat')]);
    expect((await all(findInState(layers, [bytePath.of('a')]))).map(recordPath).sort()).toEqual(['a', 'a/x.dat']);
    expect((await all(listState(layers, '*.dat'))).map(recordPath).sort()).toEqual(['a/x.dat', 'c.dat']);
    for await (const entries of readState(layers)) {
      expect(entries.length).toBeGreaterThan(0);
      break;
    }
  });

  it('throws when one layer is damaged', async () => {
    const layers = await layersOf([line('a')], [line('b')]);
    await writeFile(layers[1]?.file ?? '', 'not zstd');
    await expect(all(readState(layers))).rejects.toMatchObject({ code: 'INDEX_DAMAGED' });
  });
});

it('tells tombstones from records', () => {
  expect([isTombstone(gone('a/b')), isTombstone(line('a/b')), isTombstone(line('X'))]).toEqual([true, false, false]);
});
