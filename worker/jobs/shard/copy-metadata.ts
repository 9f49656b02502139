import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { MadeArchive } from '../../../shared/runs/shard-result.js';
import { archiveOf } from '../restore/open-archive.js';
import { describeArchive } from './describe-archive.js';
import { makeArchive } from './make-archive.js';
import { checkHoldsMetadata, METADATA_KEY } from './metadata-archive.js';
import { archiveName, archiveRunOf, inStaging, type ShardFrame } from './open-shard.js';
import { openSource } from './open-source.js';

/** The metadata of the basepath directory for a consolidation: the newest archive of it in the chain, copied. */
export async function copyMetadata(frame: ShardFrame, backupId: string): Promise<MadeArchive> {
  const { context, data, sender } = frame;
  const chain = await context.catalog.chain(await context.catalog.readManifest(data.basepathId, backupId));
  const holder = [...chain].reverse().find(({ archives }) => archives.some(({ kind }) => kind === 'metadata'));
  const key = holder?.archives.find(({ kind }) => kind === 'metadata')?.key;
  if (holder === undefined || key === undefined) throw noMetadata(backupId);
  const mergeFrom = await openSource(frame, archiveOf(holder, key), { bytes: 0n, entries: 1 });
  const dir = inStaging(frame, 'metadata');
  await mkdir(dir, { mode: 0o700 });
  const dar = frame.topdir.dar;
  const raw = await makeArchive(
    { base: join(dir, archiveName(frame, 'm')), root: frame.root, mergeFrom, listFile: null, includePaths: [], bytes: 0n, entries: 1, dar, logFile: join(dir, 'merge.log'), secretsDir: dir },
    archiveRunOf(frame),
  );
  await checkHoldsMetadata(raw, dar, dir);
  sender.hold(raw.unsent);
  return describeArchive(frame, raw, { key: METADATA_KEY, kind: 'metadata', entries: 1, directoriesWithEa: 0, withEa: null, catalogue: null });
}

function noMetadata(backupId: string): BwError {
  return new BwError('CONSOLIDATION_WRONG', {
    message: 'no backup of the chain has the metadata of the basepath directory',
    subject: `backup ${backupId}`,
    retry: 'permanent',
    hint: 'Make a full from the source instead: bw-bkup backup BASEPATH.',
  });
}
