import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hashFile, type CatalogueEntry } from '../../../shared/dar/index.js';
import { stat } from 'node:fs/promises';
import type { MadeArchive, MadeFile } from '../../../shared/runs/shard-result.js';
import { isolatedBase, type RawArchive } from './make-archive.js';
import type { ShardFrame } from './open-shard.js';

/** Counts of a catalogue, taken while it streams by. */
export class EntryCounter {
  entries = 0;
  directoriesWithEa = 0;
  withEa = 0;

  async *watch(batches: AsyncIterable<CatalogueEntry[]> | Iterable<CatalogueEntry[]>): AsyncGenerator<CatalogueEntry[], void> {
    for await (const batch of batches) {
      this.entries += batch.length;
      for (const { type, hasEa } of batch) {
        if (hasEa) this.withEa++;
        if (hasEa && type === 'd') this.directoriesWithEa++;
      }
      yield batch;
    }
  }
}

/** What the shard's result says of one archive. */
export function describeArchive(
  frame: Pick<ShardFrame, 'sender'>,
  raw: Pick<RawArchive, 'base' | 'slices'> & { readonly outcome: Pick<RawArchive['outcome'], 'exitCode' | 'wallMs' | 'peakRssBytes' | 'lastError'> },
  what: Pick<MadeArchive, 'key' | 'kind' | 'entries' | 'directoriesWithEa' | 'withEa' | 'catalogue'>,
): MadeArchive {
  const { exitCode, wallMs, peakRssBytes, lastError } = raw.outcome;
  const bytes = raw.slices.reduce((sum, slice) => sum + slice.bytes, 0);
  const perSecond = (amount: number): number => Math.round((amount * 1000) / Math.max(1, wallMs));
  return {
    ...what,
    name: basename(raw.base),
    slices: raw.slices.map((slice) => frame.sender.madeSlice(slice)),
    dar: { exitCode, wallMs, peakRssBytes, bytesPerSecond: perSecond(bytes), filesPerSecond: perSecond(what.entries), lastError },
  };
}

/** Brings the isolated catalogue to the work directory, where the seal finds it from any host. `name`: there. */
export async function keepCatalogue(frame: Pick<ShardFrame, 'workDir'>, raw: Pick<RawArchive, 'base'>, name?: string): Promise<MadeFile> {
  const file = `${isolatedBase(raw.base)}.1.dar`;
  return copied(frame, file, name ?? basename(file));
}

async function copied(frame: Pick<ShardFrame, 'workDir'>, file: string, name: string): Promise<MadeFile> {
  const kept = join(frame.workDir, name);
  await copyFile(file, kept);
  return { name, bytes: (await stat(kept)).size, sha512: await hashFile(kept) };
}
