import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ulid } from 'ulid';
import { readBasepaths } from '../../shared/basepaths/index.js';
import type { Manifest } from '../../shared/catalog/index.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { bytePath, showPath, type BytePath } from '../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson, type PathJson } from '../../shared/paths/path-json.js';
import { checkRestoreTarget } from '../../shared/paths/restore-target.js';
import { JOB_VERSION, type RestoreJob } from '../../shared/queues/job-data.js';
import { resolveBasepath } from './find-basepath.js';
import { usage, type CommonOptions, type Site } from './site.js';

export interface RestoreOptions extends CommonOptions {
  readonly to?: string;
  readonly backup?: string;
  readonly at?: string;
  readonly path?: readonly string[];
  readonly inPlace?: boolean;
  readonly onConflict?: 'keep' | 'rename' | 'overwrite';
  readonly compare?: string;
  readonly detach?: boolean;
}

/** Options that do not go together, before anything is started. Throws USAGE. */
export async function checkRestoreOptions(options: RestoreOptions): Promise<void> {
  const { to, inPlace = false, onConflict, compare, path = [], detach = false, backup, at } = options;
  if (backup !== undefined && at !== undefined) throw usage('give either --backup ID or --at TIME');
  if (at !== undefined) instantOf(at);
  if ((to === undefined) === !inPlace) throw usage('give either --to DIR or --in-place');
  if (inPlace && onConflict === undefined) {
    throw usage('--in-place needs --on-conflict keep|rename|overwrite', 'keep: existing files stay; rename: they become NAME.~1~; overwrite: they are replaced.');
  }
  if (!inPlace && onConflict !== undefined) throw usage('--on-conflict goes with --in-place');
  if (compare === undefined) return;
  if (detach) throw usage('--compare waits for the restore, --detach does not');
  if (path.length > 0) throw usage('--compare looks at whole trees: it does not go with --path');
  const isDirectory = await stat(compare).then((info) => info.isDirectory(), () => false);
  if (!isDirectory) throw usage(`--compare ${compare} is not a directory`, 'Name the directory the restored tree should be equal to.');
}

/** What to restore, from the catalog alone. Throws BASEPATH_UNKNOWN, BACKUP_*, NO_BACKUP, RESTORE_TARGET_REFUSED, USAGE. */
export async function restoreRequest(site: Site, name: string, options: RestoreOptions): Promise<RestoreJob> {
  const manifest = await chooseBackup(site, name, options);
  const target = options.to === undefined ? originalPlace(await currentPath(site, manifest)) : resolve(options.to);
  await checkRestoreTarget(target, site.config.restore.allowedTargets);
  return {
    v: JOB_VERSION,
    restoreId: ulid(),
    basepathId: manifest.basepathId,
    backupId: manifest.backupId,
    target,
    paths: wantedPaths(fromPathJson(manifest.source.path), options.path ?? []).map(toPathJson),
    conflict: options.onConflict ?? 'refuse',
  };
}

/** Paths below the basepath, as typed: relative to it or absolute; none when the basepath itself is among them. Throws USAGE. */
export function wantedPaths(basepath: BytePath, typed: readonly string[]): BytePath[] {
  const paths = typed.map((text) => {
    if (text === '') throw usage('--path needs a path', 'Paths are relative to the basepath, as `bw-bkup ls BACKUP` shows them.');
    const parts = bytePath.fromText(text).split('/').filter((part) => part !== '' && part !== '.');
    const clean = `${text.startsWith('/') ? '/' : ''}${parts.join('/')}`;
    if (clean === basepath || clean === '') return bytePath.of('.');
    return bytePath.of(clean.startsWith(`${basepath}/`) ? clean.slice(basepath.length + 1) : clean);
  });
  return paths.some((path) => path === '.') ? [] : [...new Set(paths)];
}

async function chooseBackup(site: Site, name: string, { backup, at }: RestoreOptions): Promise<Manifest> {
  const { basepathId } = await resolveBasepath(site, name);
  if (backup !== undefined) {
    const manifest = await site.catalog.findBackup(backup);
    if (manifest.basepathId !== basepathId) throw usage(`backup ${manifest.backupId} is of another basepath (${manifest.basepathId})`);
    return manifest;
  }
  const known = await site.catalog.backupsOf(basepathId, (error) => { site.logger.warn({ err: error }, 'manifest not usable'); });
  const chosen = capturedBy([...known.values()], at === undefined ? Infinity : instantOf(at));
  if (chosen !== null) return chosen;
  throw new BwError('NO_BACKUP', {
    message: at === undefined || known.size === 0 ? 'this basepath has no sealed backup' : `this basepath has no backup captured at or before ${at}`,
    subject: name,
    retry: 'permanent',
    hint: known.size === 0 ? 'See `bw-bkup status` for why; make one with `bw-bkup backup BASEPATH --wait`.' : 'See `bw-bkup backups BASEPATH` for what there is.',
  });
}

/** The backup of latest capture that is not later than an instant (ms since the epoch), or null (pure). */
export function capturedBy<T extends Pick<Manifest, 'capturedAt'>>(backups: readonly T[], atMs: number): T | null {
  let chosen: T | null = null;
  for (const backup of backups) {
    const captured = Date.parse(backup.capturedAt);
    if (captured <= atMs && (chosen === null || captured >= Date.parse(chosen.capturedAt))) chosen = backup;
  }
  return chosen;
}

/** `2026-05-01` (its end, UTC), `2026-05-01 12:00` (UTC) or an ISO instant with a zone, as ms since the epoch. Throws USAGE. */
export function instantOf(text: string, option = '--at'): number {
  const day = /^\d{4}-\d\d-\d\d$/.test(text);
  const local = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text);
  const ms = Date.parse(day ? `${text}T23:59:59.999Z` : local ? `${text.replace(' ', 'T')}Z` : text);
  if (!Number.isNaN(ms) && (day || local || /(Z|[+-]\d\d:?\d\d)$/.test(text))) return ms;
  throw usage(`${option} ${text} is not a time`, 'Write 2026-05-01 (its end, UTC), "2026-05-01 12:00" (UTC), or 2026-05-01T12:00:00+02:00.');
}

/** Where the basepath is now: it may have been renamed since. Throws RESTORE_TARGET_REFUSED where another one has its name. */
async function currentPath(site: Site, { basepathId, source }: Manifest): Promise<PathJson> {
  const registry = await readBasepaths(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const record = registry.byId(basepathId);
  if (record === undefined) return source.path;
  const there = registry.byPath(record.path);
  if (there === undefined || there.basepathId === basepathId) return toPathJson(record.path);
  throw new BwError('RESTORE_TARGET_REFUSED', {
    message: `another basepath (${there.basepathId}) has this path now: its owner must not see the files of the old one`,
    subject: showPath(record.path),
    retry: 'permanent',
    hint: 'Restore it with --to DIR.',
  });
}

/** In place means where it is; that path must be text to be given to other tools. */
function originalPlace(path: PathJson): string {
  if (typeof path === 'string') return path;
  throw usage(`the basepath's name is not UTF-8 (${showPath(fromPathJson(path))}): restore it with --to DIR`);
}
