import { removeFile } from '../../../shared/files/remove-file.js';
import { hashFileOf } from '../../staging/staging.js';
import type { RawArchive } from './make-archive.js';
import type { ShardFrame } from './open-shard.js';

/**
 * Gives up an archive that must not count. Slices that were sent already are taken off the record first: no manifest will name them, whoever still sends
 * them finds nothing to do, and the sweep removes them from the LTS. Its staging is free at once.
 */
export async function throwAway({ context, data, sender }: Pick<ShardFrame, 'context' | 'data' | 'sender'>, { slices }: Pick<RawArchive, 'slices'>): Promise<void> {
  await context.items.remove(data.backupId, new Map(slices.map((slice) => [sender.objectOf(slice), sender.options.start])));
  for (const { file } of slices) {
    await removeFile(file);
    await removeFile(hashFileOf(file));
  }
  context.staging.account.released();
}
