import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import type { SavedEntry } from '../../../shared/index/saved-entry.js';
import { shardRun, type ShardRun } from './shard-run.js';

export const OLD = 1_600_000_000;

/** A file with a time long ago, so that every later change shows. */
export function writeOld(path: string, content: string, time = OLD): void {
  writeFileSync(path, content);
  utimesSync(path, new Date(time * 1000), new Date(time * 1000));
}

/** Catalogues hold whole seconds: what happens after this shows in them (the clock of inode times lags by up to 10 ms). */
export function untilNextSecond(): void {
  const next = (Math.floor(Date.now() / 1000) + 1) * 1000 + 20;
  while (Date.now() < next);
}

/** Two names change places. */
export function swap(a: string, b: string): void {
  renameSync(a, `${a}.away`);
  renameSync(b, a);
  renameSync(`${a}.away`, b);
}

/** The entries, one of them marked as dar marks what changed while it was read. */
export async function* dirty(entries: AsyncIterable<readonly SavedEntry[]>, path: string): AsyncGenerator<SavedEntry[]> {
  for await (const batch of entries) yield batch.map((entry) => (entry.path === path ? { ...entry, dirty: true } : entry));
}

export async function prepared(make: (tree: string) => void): Promise<ShardRun> {
  const shard = await shardRun();
  make(shard.tree);
  return shard;
}
