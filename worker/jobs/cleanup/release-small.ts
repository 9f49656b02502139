import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkerContext } from '../../context.js';
import { releaseCommitted } from './release-job.js';

/**
 * Gives back what was sent in small batches and waits for the end of its backup: while staging is used up it does not. Only what is
 * committed in enough LTS (invariant 2).
 */
export async function releaseSmall(context: WorkerContext): Promise<number> {
  let released = 0;
  for (const backupId of await context.staging.backups()) {
    const run = await context.runs.read(backupId);
    if (run?.kind !== 'backup') continue;
    const slices = await slicesBelow(context.staging.backupDir(backupId));
    const objects = slices.map((name) => `${run.basepathId}/${backupId}/${name}`);
    released += await releaseCommitted(context, backupId, objects);
  }
  return released;
}

async function slicesBelow(dir: string): Promise<string[]> {
  const names: string[] = [];
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []); // swept meanwhile
  for (const entry of entries) {
    if (entry.isDirectory()) names.push(...(await slicesBelow(join(dir, entry.name))));
    else if (/\.[1-9]\d*\.dar$/.test(entry.name)) names.push(entry.name);
  }
  return names;
}
