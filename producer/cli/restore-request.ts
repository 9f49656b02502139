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
import { restoreInto, type RestoreOnRecord } from '../../shared/runs/restores-on-record.js';
import { resolveBasepath } from './find-basepath.js';
import { usage, type CommonOptions, type Site } from './site.js';

export interface RestoreOptions extends CommonOptions {
  readonly to?: string;
  readonly backup?: string;
  readonly at?: string;
  readonly path?: readonly string[];
  readonly inPlace?: boolean;
  readonly resume?: boolean;
  readonly onConflict?: 'keep' | 'rename' | 'overwrite';
  readonly compare?: string;
  readonly detach?: boolean;
  readonly dryRun?: boolean;
}

/** Options that do not go together, before anything is started. Throws USAGE. */
export async function checkRestoreOptions(options: RestoreOptions): Promise<void> {
  const { to, inPlace = false, onConflict, compare, path = [], detach = false, backup, at, resume = false } = options;
  if (backup !== undefined && at !== undefined) throw usage('give either --backup ID or --at TIME');
  if (at !== undefined) instantOf(at);
  if ((to === undefined) === !inPlace) throw usage('give either --to DIR or --in-place');
  if (resume && (backup ?? at ?? path[0]) !== undefined) throw usage('--resume does not go with --backup, --at or --path', 'It goes on with the backup and the paths of the restore that was not completed.');
  if (inPlace && onConflict === undefined && !resume) {
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
  if (options.resume === true) return resumeRequest(site, manifest.basepathId, target);
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

/**
 * What the newest restore into a directory was asked for; a worker checks that the directory is still the one. Throws RESTORE_NOT_RESUMABLE.
 */
async function resumeRequest(site: Site, basepathId: string, target: string): Promise<RestoreJob> {
  const onProblem = (problem: unknown): void => { site.logger.warn({ problem }, 'journal line not usable'); };
  const earlier = await restoreInto(site.catalog.journalDir, toPathJson(bytePath.fromText(target)), onProblem);
  const why = whyNotResumed(earlier, basepathId);
  if (earlier === null || why !== null) {
    throw new BwError('RESTORE_NOT_RESUMABLE', {
      message: `there is nothing here to go on with: ${why ?? ''}`,
      subject: target,
      retry: 'permanent',
      hint: 'Restore into a new directory: `bw-bkup restore BASEPATH --to DIR`.',
    });
  }
  const { backupId, paths, conflict, origin } = earlier.begun;
  return { v: JOB_VERSION, restoreId: ulid(), basepathId, backupId, target, paths, conflict, resumes: origin };
}

/** Null: it can be gone on with (pure). */
export function whyNotResumed(earlier: RestoreOnRecord | null, basepathId: string): string | null {
  if (earlier === null) return 'no restore into it is on record';
  if (earlier.begun.basepathId !== basepathId) return `the newest restore into it is of another basepath (${earlier.begun.basepathId})`;
  return earlier.outcome === 'clean' ? 'that restore was completed' : null;
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
