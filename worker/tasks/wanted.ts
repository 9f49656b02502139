import { access } from 'node:fs/promises';
import { BundlePool } from '../../shared/bundle/bundle-pool.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import type { OutboxItem } from '../../shared/tasks/task-record.js';
import type { WorkerContext } from '../context.js';

type Parts = Pick<WorkerContext, 'runs' | 'items' | 'queues' | 'config'>;

/**
 * Those that somebody still waits for: slices of a backup that is being saved, on record as this host's and not there yet; other files that are not there yet,
 * still here, and of no backup that has failed: a manifest that came behind its sweep would be taken for a seal to be finished. What a cancelled backup, a start that was given up or another host has to do with is not.
 */
export async function wantedOf(parts: Parts, host: string, lts: string, all: readonly OutboxItem[]): Promise<OutboxItem[]> {
  const slices = all.filter(({ kind }) => kind === 'slice');
  const bundles = all.filter(({ kind }) => kind === 'bundle');
  return [...(await wantedSlices(parts, host, lts, slices)), ...(await wantedBundles(parts, host, lts, bundles)), ...(await wantedFiles(parts, host, lts, all.filter(({ kind }) => kind === 'file')))];
}

async function wantedBundles({ runs }: Parts, host: string, lts: string, bundles: readonly OutboxItem[]): Promise<OutboxItem[]> {
  const wanted: OutboxItem[] = [];
  for (const bundle of bundles) if ((await new BundlePool(runs.redis, host, lts).plan(bundle.object))?.sent === false) wanted.push(bundle);
  return wanted;
}

async function wantedSlices({ runs, items }: Parts, host: string, lts: string, slices: readonly OutboxItem[]): Promise<OutboxItem[]> {
  const byBackup = new Map<string, OutboxItem[]>();
  for (const item of slices) {
    const own = byBackup.get(item.backupId);
    if (own === undefined) byBackup.set(item.backupId, [item]);
    else own.push(item);
  }
  const states = await runs.readAll([...byBackup.keys()]);
  const wanted: OutboxItem[] = [];
  for (const [index, [id, own]] of [...byBackup].entries()) {
    if (states[index]?.phase !== 'saving') continue;
    const known = await items.get(id, own.map(({ object }) => object));
    wanted.push(...own.filter(({ object, file }) => {
      const item = known.get(object);
      return item?.host === host && item.file === file && item.committed[lts] === undefined;
    }));
  }
  return wanted;
}

async function wantedFiles({ runs, queues, config }: Parts, host: string, lts: string, files: readonly OutboxItem[]): Promise<OutboxItem[]> {
  const sent = await new Outbox(queues.redis).sentFiles(lts, files.map(({ object }) => object));
  const left = files.filter(({ object, sha512 }) => sent.get(object) !== sha512);
  const states = await runs.readAll(left.map(({ object }) => object.split('/')[1] ?? ''));
  const open = left.filter((_, index) => states[index]?.phase !== 'failed');
  if (host !== config.host) return open;
  const areHere = await Promise.all(open.map(({ file }) => access(file).then(() => true, () => false)));
  return open.filter((_, index) => areHere[index]);
}
