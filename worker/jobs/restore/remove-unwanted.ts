import { Cursor } from '../../../shared/index/cursor.js';
import { recordKey } from '../../../shared/index/format.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { scan } from '../../../shared/index/scan.js';
import { findInState, readStateRecords, type StateRecord } from '../../../shared/index/state.js';
import { TopPaths } from '../../../shared/index/top-paths.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { inDirectory, run } from '../../../shared/process/index.js';
import type { WorkerContext } from '../../context.js';
import type { OpenRestore } from './open-restore.js';

/**
 * Removes from the restored tree what is not of the state: a name that a list cannot carry was extracted with all that was below it
 * when its archive was made, also what was removed since. The target was empty before, so nothing else can be there.
 */
export async function removeUnwanted(context: WorkerContext, restore: OpenRestore, target: string, signal: AbortSignal): Promise<void> {
  const tempDir = await context.staging.createStart(restore.request.restoreId, 'unwanted');
  const paths = restore.request.paths.map(fromPathJson);
  const wanted = await Cursor.open<StateRecord>(paths.length === 0 ? readStateRecords(restore.layers) : findInState(restore.layers, paths));
  const there = await Cursor.open<IndexRecord>((await scan({ root: bytePath.fromText(target), exclude: [], tempDir, allowEmpty: true, signal })).records);
  const tops = new TopPaths({ tempDir, signal });
  for (let have = there.current; have !== undefined; have = there.current) {
    const key = recordKey(have);
    while (wanted.current !== undefined && recordKey(wanted.current) < key) await wanted.advance();
    const isWanted = wanted.current !== undefined && recordKey(wanted.current) === key;
    if (!isWanted && !leadsToWanted(have, paths)) tops.add(recordPath(have));
    await there.advance();
    await tops.drain();
  }
  await wanted.close();
  for await (const batch of tops.tops()) await remove(target, batch, signal);
}

/** The root, and the directories above the paths that were asked for. */
function leadsToWanted(record: IndexRecord, paths: readonly BytePath[]): boolean {
  const path = recordPath(record);
  return path === '.' || (record.type === 'd' && paths.some((wanted) => wanted.startsWith(`${path}/`)));
}

async function remove(target: string, paths: readonly BytePath[], signal: AbortSignal): Promise<void> {
  const input = Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1');
  await run(inDirectory(target, { program: 'xargs', args: ['-r0', 'rm', '-rf', '--one-file-system', '--'] }), { input, signal });
}
