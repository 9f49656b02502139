import type { Manifest } from '../../shared/catalog/index.js';
import { BwError, toBwError } from '../../shared/errors/bw-error.js';
import { enqueueBackup } from '../scheduler/enqueue.js';
import { reportBackup, type BackupOptions } from './backup-command.js';
import { resolveBasepath } from './find-basepath.js';
import { say } from './print.js';
import { openSession, type StartLocal } from './session.js';
import { openSite, type Site } from './site.js';
import { catchStop } from './stop-signal.js';

/**
 * `bw-bkup consolidate BASEPATH|BACKUP [--wait]`: a full made of what the chain of a backup holds, without reading the source; of a basepath, of its
 * newest backup. Of a full that took several segments, one with one archive per shard. Throws BACKUP_NOT_FOUND.
 */
export async function consolidateCommand(name: string, options: BackupOptions, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const manifest = await backupOf(site, name);
  const basepath = await resolveBasepath(site, manifest.basepathId);
  const session = await openSession(site, options, startLocal);
  const stop = catchStop(() => { if (session.local) say('Stopping: what is being worked on is given back.'); });
  try {
    const enqueued = await enqueueBackup(
      session.queues,
      {
        basepathId: basepath.basepathId,
        topdir: basepath.topdir,
        path: basepath.path,
        level: 'full',
        priorityClass: 'manual-full',
        policyHash: session.config.policyHash,
        reason: `consolidates ${manifest.backupId}`,
        acceptSource: false,
        consolidates: manifest.backupId,
      },
      Date.now(),
    );
    return await reportBackup(session, basepath, { ...enqueued, level: 'full' }, options, stop);
  } finally {
    await session.close(stop.signal);
  }
}

/** A backup by its id; of a basepath the newest one. */
async function backupOf(site: Site, name: string): Promise<Manifest> {
  try {
    return await site.catalog.findBackup(name);
  } catch (thrown) {
    if (!['BACKUP_NOT_FOUND', 'CATALOG_BAD_ID'].includes(toBwError(thrown).code)) throw thrown;
    const { basepathId } = await resolveBasepath(site, name);
    const newest = await site.catalog.newestSealed(basepathId, (error) => { site.logger.warn({ err: error }, 'manifest not usable'); });
    if (newest === null) throw nothingSealed(name);
    return newest;
  }
}

function nothingSealed(name: string): BwError {
  return new BwError('BACKUP_NOT_FOUND', {
    message: 'this basepath has no sealed backup',
    subject: name,
    retry: 'permanent',
    hint: 'There is nothing to consolidate: make a backup first, bw-bkup backup BASEPATH.',
  });
}
