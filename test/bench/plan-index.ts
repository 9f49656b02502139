import { formatRecord, parseRecords } from '../../shared/index/format.js';
import { planShards } from '../../shared/index/plan-shards.js';
import type { IndexRecord } from '../../shared/index/record.js';
import { bytePath } from '../../shared/paths/byte-path.js';

const PER_DIRECTORY = 100;
/** One file in so many has a second name in a directory far away. */
const LINKED_EACH = 20;
const BATCH = 2000;

/**
 * An index as a scan gives it, in order, nothing of it kept: directories of 100 files, and a flat one with a third of all. Hard links go from each directory
 * to the one half of the tree away, across all borders of shards.
 */
async function* syntheticLines(records: number): AsyncGenerator<string[], void> {
  const flat = Math.floor(records / 3);
  const directories = Math.floor((records - flat) / (PER_DIRECTORY + 1));
  let batch = [line('.', '.', 'd', 1, 2)];
  for (let d = 0; d < directories; d += 1) {
    const dirname = `./d${String(d).padStart(8, '0')}`;
    batch.push(line(dirname, '.', 'd', 2 + d, 2));
    for (let f = 0; f < PER_DIRECTORY; f += 1) batch.push(fileOf(dirname, d, f, directories));
    if (batch.length < BATCH) continue;
    yield await Promise.resolve(batch);
    batch = [];
  }
  batch.push(line('./flat', '.', 'd', 1_000_000_000, 2));
  for (let f = 0; f < flat; f += 1) {
    batch.push(line('./flat', `file-${String(f).padStart(9, '0')}`, 'f', 2_000_000_000 + f, 1));
    if (batch.length < BATCH) continue;
    yield await Promise.resolve(batch);
    batch = [];
  }
  yield batch;
}

function fileOf(dirname: string, d: number, f: number, directories: number): string {
  const linked = f % LINKED_EACH === 0;
  const owner = linked ? d % Math.ceil(directories / 2) : d;
  return line(dirname, `file-${String(f).padStart(4, '0')}.dat`, 'f', 4_000_000_000 + owner * PER_DIRECTORY + f, linked ? 2 : 1);
}

function line(dirname: string, name: string, type: IndexRecord['type'], inode: number, nlink: number): string {
  const size = String((inode * 7919) % 65_536);
  const times = { mtime: '1700000000.1234567890', ctime: '1700000001.9876543210' };
  return formatRecord({ dirname: bytePath.of(dirname), name: bytePath.of(name), type, size, ...times, inode: `65024:${inode}`, nlink, mode: '644', uid: '1000', gid: '1000', blocks: '8', flags: '', archive: '' });
}

const [records = '', outDir = ''] = process.argv.slice(2);
const startedAt = performance.now();
const plan = await planShards({
  root: bytePath.of('/synthetic'),
  records: parseRecords(syntheticLines(Number(records))),
  limits: { maxFiles: 300_000, maxBytes: 2 ** 40 },
  outDir,
});
const most = Math.max(...plan.shards.map((shard) => shard.records));
process.stdout.write(`${JSON.stringify({ ...plan.counts, shards: plan.shards.length, most, wallMs: Math.round(performance.now() - startedAt) })}\n`);
