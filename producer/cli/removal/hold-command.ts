import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { buriedChain } from '../../../shared/retention/held-with.js';
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

/** What a hold covers of what has, or had, a tombstone. */
interface Buried {
  /** Will not be erased while it is held. */
  readonly removed: string[];
  /** Is erased, or being erased, or perhaps. */
  readonly erasing: string[];
}

/** `bw-bkup hold BASEPATH|BACKUP --reason TEXT`: no removal, and no erasure of what is removed, until `release`. Throws HOLD_TOO_LATE; exit 1 where it is too late for some of a basepath. */
export async function holdCommand(name: string, options: HoldOptions): Promise<number> {
  if (options.reason === undefined || options.reason.trim() === '') throw usage('a hold needs a reason', 'Say why and for whom: bw-bkup hold BASEPATH --reason "audit 2026, until the end of March"');
  const reason = options.reason.trim();
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const what = await find(site, name);
  await refuseErased(site, what);
  await record(site, [{ kind: 'held', ...what, reason, ...byOperator() }]);
  // After it is on record: a prune that saw no hold has given its tombstones before, and the eraser that saw none has left its mark.
  const buried = await buriedOf(site, what);
  if (what.backupId !== null && buried.erasing.length > 0) throw tooLate(what.backupId, buried.erasing);
  if (options.json === true) printJson(holdOutput, { v: 1, ...what, held: true, reason, ...buried });
  else printHeld(what, buried);
  return buried.erasing.length === 0 ? EXIT.ok : EXIT.failed;
}

function printHeld({ basepathId, backupId }: Held, { removed, erasing }: Buried): void {
  print(`Held: ${backupId === null ? `all backups of ${basepathId}` : `backup ${backupId} and what it needs`}.`);
  if (removed.length > 0) print(`${plural(removed.length, 'backup')} of these had been removed and will not be erased; to bring one back: bw-bkup undelete ${removed[0] ?? 'BACKUP'}`);
  if (erasing.length > 0) print(`TOO LATE for ${plural(erasing.length, 'backup')} whose erasure has begun: ${erasing.join(', ')}. What bw-bkup undelete can still bring back is held.`);
}

/** `bw-bkup release BASEPATH|BACKUP`: ends a hold. Throws NOT_HELD. */
export async function releaseCommand(name: string, options: HoldOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const what = await find(site, name);
  const protections = await readProtections(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const reason = what.backupId === null ? protections.basepaths.get(what.basepathId) : protections.backups.get(what.backupId);
  if (reason === undefined) throw notHeld(name);
  await record(site, [{ kind: 'released', ...what, reason: options.reason ?? '', ...byOperator() }]);
  if (options.json === true) printJson(holdOutput, { v: 1, ...what, held: false, reason, ...(await buriedOf(site, what)) });
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

/** A hold on nothing would stay on record, where no `release` finds it. */
async function refuseErased({ catalog }: Site, { basepathId, backupId }: Held): Promise<void> {
  if (backupId !== null && (await catalog.graves.stateOf(basepathId, backupId))?.state === 'erasing') throw tooLate(backupId, [backupId]);
}

/** Those with a tombstone among what a hold covers, or that were erased since they were found. */
async function buriedOf(site: Site, { basepathId, backupId }: Held): Promise<Buried> {
  const buried: Buried = { removed: [], erasing: [] };
  const { graves } = site.catalog;
  if (backupId !== null) {
    const isRemoved = (await graves.stateOf(basepathId, backupId))?.state === 'removed';
    // What a living one needs has no tombstone.
    const needed = isRemoved ? await buriedChain(site.catalog, basepathId, backupId).catch(() => [backupId]) : [backupId];
    for (const id of needed) if (await graves.isVanishing(basepathId, id)) buried.erasing.push(id);
    if (isRemoved && !buried.erasing.includes(backupId)) buried.removed.push(backupId);
    return buried;
  }
  for await (const each of site.catalog.listRemoved({ basepathId })) {
    buried[(await graves.isVanishing(basepathId, each.backupId)) ? 'erasing' : 'removed'].push(each.backupId);
  }
  return buried;
}

function tooLate(backupId: string, erasing: readonly string[]): BwError {
  return new BwError('HOLD_TOO_LATE', {
    message: 'the erasure of this backup, or of one that it needs, has begun: a hold may not save it any more',
    subject: `backup ${backupId}`,
    detail: `being erased: ${erasing.join(', ')}`,
    retry: 'permanent',
    hint: `See whether \`bw-bkup undelete ${backupId}\` can still bring it back; hold it then.`,
  });
}

function notHeld(name: string): BwError {
  return new BwError('NOT_HELD', {
    message: 'there is no hold of its own on this',
    subject: name,
    retry: 'permanent',
    hint: 'A hold on a basepath is released with the basepath, one on a backup with the backup: `bw-bkup prune --dry-run` shows which.',
  });
}
