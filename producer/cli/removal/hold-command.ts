import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { readProtections } from '../../../shared/retention/protections.js';
import { resolveBasepath } from '../find-basepath.js';
import { plural, print, printJson } from '../print.js';
import { openSite, usage, type CommonOptions, type Site } from '../site.js';
import { byOperator, record } from './operator.js';
import { holdOutput } from './outputs.js';

export interface HoldOptions extends CommonOptions {
  readonly reason?: string;
}

interface Held {
  readonly basepathId: string;
  /** null: the whole basepath. */
  readonly backupId: string | null;
}

/** `bw-bkup hold BASEPATH|BACKUP --reason TEXT`: no removal, and no erasure of what is removed, until `release`. */
export async function holdCommand(name: string, options: HoldOptions): Promise<number> {
  if (options.reason === undefined || options.reason.trim() === '') throw usage('a hold needs a reason', 'Say why and for whom: bw-bkup hold BASEPATH --reason "audit 2026, until the end of March"');
  const reason = options.reason.trim();
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const what = await find(site, name);
  await record(site, [{ kind: 'held', ...what, reason, ...byOperator() }]);
  // After it is on record: a prune that saw no hold has given its tombstones before.
  const removed = await removedOf(site, what);
  if (options.json === true) printJson(holdOutput, { v: 1, ...what, held: true, reason, removed });
  else {
    print(`Held: ${what.backupId === null ? `all backups of ${what.basepathId}` : `backup ${what.backupId} and what it needs`}.`);
    if (removed.length > 0) print(`${plural(removed.length, 'backup')} of these had been removed and will not be erased; to bring one back: bw-bkup undelete ${removed[0] ?? 'BACKUP'}`);
  }
  return EXIT.ok;
}

/** `bw-bkup release BASEPATH|BACKUP`: ends a hold. Throws NOT_HELD. */
export async function releaseCommand(name: string, options: HoldOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const what = await find(site, name);
  const protections = await readProtections(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const reason = what.backupId === null ? protections.basepaths.get(what.basepathId) : protections.backups.get(what.backupId);
  if (reason === undefined) throw notHeld(name);
  await record(site, [{ kind: 'released', ...what, reason: options.reason ?? '', ...byOperator() }]);
  if (options.json === true) printJson(holdOutput, { v: 1, ...what, held: false, reason, removed: await removedOf(site, what) });
  else print(`Released: ${what.backupId === null ? `all backups of ${what.basepathId}` : `backup ${what.backupId}`} (held for: ${reason}).`);
  return EXIT.ok;
}

/** Backups by id, sealed or removed; else a basepath by path or id. */
async function find(site: Site, name: string): Promise<Held> {
  if (/^[0-7][0-9A-HJKMNP-TV-Z]{5,25}$/i.test(name)) {
    const sealed = await orNull(site.catalog.findBackup(name));
    if (sealed !== null) return { basepathId: sealed.basepathId, backupId: sealed.backupId };
    const removed = await orNull(site.catalog.findRemoved(name));
    if (removed !== null) return { basepathId: removed[0], backupId: removed[1] };
  }
  return { basepathId: (await resolveBasepath(site, name)).basepathId, backupId: null };
}

async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (thrown) {
    if (thrown instanceof BwError && thrown.code === 'BACKUP_NOT_FOUND') return null;
    throw thrown;
  }
}

/** Those with a tombstone among what a hold covers. */
async function removedOf(site: Site, { basepathId, backupId }: Held): Promise<string[]> {
  const removed: string[] = [];
  for await (const each of site.catalog.listRemoved({ basepathId })) {
    if (each.state === 'removed' && (backupId === null || each.backupId === backupId)) removed.push(each.backupId);
  }
  return removed;
}

function notHeld(name: string): BwError {
  return new BwError('NOT_HELD', {
    message: 'there is no hold of its own on this',
    subject: name,
    retry: 'permanent',
    hint: 'A hold on a basepath is released with the basepath, one on a backup with the backup: `bw-bkup prune --dry-run` shows which.',
  });
}
