import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareMerged } from '../../../../shared/index/compare-merged.js';
import { endLine, formatRecord } from '../../../../shared/index/format.js';
import { recordPath, type IndexRecord } from '../../../../shared/index/record.js';
import type { StateLayer } from '../../../../shared/index/state.js';
import { run } from '../../../../shared/process/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { collect, makeDirectory, makeRecord, makeRoot } from './make-record.js';

async function layer(records: readonly IndexRecord[]): Promise<StateLayer> {
  const file = join(await workspace(), 'index.zst');
  const lines = records.map(formatRecord).sort();
  await writeFile(file, (await run({ program: 'zstd', args: ['-q', '-c'] }, { input: Buffer.from([...lines, endLine(lines.length), ''].join('\0'), 'latin1') })).stdout);
  return { file, backupId: '01M8AG3RME11H1G53WJZA84PKE' };
}

async function told(before: readonly IndexRecord[], after: readonly IndexRecord[]): Promise<string[]> {
  const found = await collect(compareMerged([await layer(before)], [await layer(after)]));
  return found.map(({ before: old, after: now, fields }) => {
    const path = recordPath((now ?? old) as IndexRecord);
    return old === null ? `+ ${path}` : now === null ? `- ${path}` : `M ${path} ${fields.join()}`;
  });
}

describe('two states', () => {
  const [root, file, dir] = [makeRoot(), makeRecord('sub/a'), makeDirectory('sub')];

  it('that are the same but for archives, inodes and link counts do not differ', async () => {
    expect(await told([root, dir, file], [root, dir, { ...file, archive: '3.1', inode: '1:2', nlink: 2, blocks: '16' }])).toEqual([]);
    expect(await told([], [])).toEqual([]);
  });

  it('differ in what was added, removed, and by field', async () => {
    const other = { ...file, size: '11', mtime: '1700000001.0', mode: '600', uid: '5', flags: 'x' };
    expect(await told([root, dir, file, makeRecord('gone')], [root, dir, other, makeRecord('a.new'), makeRecord('zz')])).toEqual(['+ a.new', '- gone', '+ zz', 'M sub/a size,mtime,mode,uid,flags']);
  });

  it('of a directory only owner and mode count; a type that changed is one removed and one added', async () => {
    expect(await told([root, dir], [root, { ...dir, mtime: '1800000000.0', size: '8192' }])).toEqual([]);
    expect(await told([root, dir], [root, { ...dir, mode: '700' }])).toEqual(['M sub mode']);
    expect(await told([root, dir, file], [root, makeRecord('sub')])).toEqual(['+ sub', '- sub', '- sub/a']);
  });

  it('that have one path as the beginning of another', async () => {
    expect(await told([makeRecord('a'), makeRecord('a.b')], [makeRecord('a.b'), makeRecord('ab')])).toContain('- a');
  });
});
