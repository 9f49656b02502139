import { EXIT } from '../../shared/errors/exit-codes.js';
import { findVersions } from '../../shared/index/find-versions.js';
import { globFilter } from '../../shared/index/line-filter.js';
import type { BackupHistory, PathVersion } from '../../shared/index/path-versions.js';
import { recordPath, type IndexRecord } from '../../shared/index/record.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson, toPathJson } from '../../shared/paths/path-json.js';
import { run } from '../../shared/process/index.js';
import { openHistory, type ListedVersion } from './basepath-history.js';
import { resolveBasepath } from './find-basepath.js';
import { findLine } from './version-outputs.js';
import { plural } from './print.js';
import { instantOf } from './restore-request.js';
import { instantText, recordColumns, writeOut } from './show-record.js';
import { openSite, usage, type CommonOptions, type Site } from './site.js';

export interface FindOptions extends CommonOptions {
  readonly basepath?: string;
  readonly since?: string;
  readonly owner?: string;
}

interface Wanted {
  /** ms since the epoch; what happened before is not shown. */
  readonly sinceMs: number;
  readonly uid: string | null;
}

/** A path, as the newest backup that has it has it, and what became of it. */
interface Found {
  readonly basepathId: string;
  readonly newest: PathVersion & { readonly record: IndexRecord };
  readonly latest: PathVersion;
  readonly versions: number;
}

/** `bw-bkup find PATTERN`: paths of all sealed backups, also those that are gone by now, from the indexes alone, streaming. */
export async function findCommand(pattern: string, options: FindOptions): Promise<number> {
  const sinceMs = options.since === undefined ? -Infinity : instantOf(options.since, '--since');
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const wanted: Wanted = { sinceMs, uid: options.owner === undefined ? null : await uidOf(options.owner) };
  const basepaths = options.basepath === undefined ? await site.catalog.listBasepathIds() : [(await resolveBasepath(site, options.basepath)).basepathId];
  let matches = 0;
  for (const basepathId of basepaths) matches += await findIn(site, basepathId, pattern, wanted, options);
  return matches === 0 ? EXIT.nothingMatched : EXIT.ok;
}

async function findIn(site: Site, basepathId: string, pattern: string, wanted: Wanted, options: FindOptions): Promise<number> {
  const history = await openHistory(site, basepathId);
  const line = options.json === true ? jsonLine : peopleLine;
  const since = history.backups.findIndex(({ capturedAt }) => Date.parse(capturedAt) >= wanted.sinceMs);
  if (since === -1) return 0;
  let matches = 0;
  for await (const paths of findVersions(history, globFilter(pattern), since)) {
    const found = paths.flatMap(({ lines }) => {
      const each = history.mayHaveNews(lines, since) ? foundOf(basepathId, history.versions(lines)) : null;
      return each !== null && each.latest.first >= since && isOf(wanted.uid, each) ? [each] : [];
    });
    matches += found.length;
    await writeOut(found.map((each) => line(each, history)).join(''));
  }
  return matches;
}

function foundOf(basepathId: string, versions: readonly PathVersion[]): Found | null {
  const held = versions.filter((version): version is Found['newest'] => version.record !== null);
  const [newest, latest] = [held.at(-1), versions.at(-1)];
  return newest === undefined || latest === undefined ? null : { basepathId, newest, latest, versions: held.length };
}

function isOf(uid: string | null, { newest }: Found): boolean {
  return uid === null || newest.record.uid === uid;
}

function jsonLine(found: Found, history: BackupHistory<ListedVersion>): string {
  const { basepathId, newest, latest, versions } = found;
  const { type, size, mtime, mode, uid, gid, flags } = newest.record;
  const last = backupAt(history, newest.last);
  const place = { basepathId, basepath: last.path, path: toPathJson(recordPath(newest.record)) };
  const when = { backupId: last.backupId, capturedAt: last.capturedAt, since: backupAt(history, newest.first).capturedAt, goneSince: goneSince(latest, history) };
  return `${JSON.stringify(findLine.parse({ ...place, type, size, mtime, mode, uid, gid, flags, versions, state: latest.state, ...when }))}\n`;
}

function peopleLine(found: Found, history: BackupHistory<ListedVersion>): string {
  const { newest, latest, versions } = found;
  const last = backupAt(history, newest.last);
  const gone = goneSince(latest, history);
  const end = gone === null ? '' : `, ${latest.state} at ${instantText(gone)}`;
  const flags = newest.record.flags === '' ? '' : ` [${newest.record.flags}]`;
  const path = recordPath(newest.record);
  const shown = path === '.' ? showPath(fromPathJson(last.path)) : `${showPath(fromPathJson(last.path))}/${showPath(path)}`;
  return `${recordColumns(newest.record)} ${shown}${flags}  (${last.backupId}, ${plural(versions, 'version')}${end})\n`;
}

function goneSince(latest: PathVersion, history: BackupHistory<ListedVersion>): string | null {
  return latest.record === null ? backupAt(history, latest.first).capturedAt : null;
}

function backupAt({ backups }: BackupHistory<ListedVersion>, number: number): ListedVersion {
  const backup = backups[number];
  if (backup === undefined) throw new RangeError(`no backup ${number}`);
  return backup;
}

/** A uid, or the uid of a user of this host. */
async function uidOf(owner: string): Promise<string> {
  if (/^\d+$/.test(owner)) return owner;
  const { status, stdout } = await run({ program: 'id', args: ['-u', '--', owner] }, { okCodes: [0, 1] });
  if (status.code !== 0) throw usage(`--owner ${owner} is no user of this host`, 'Give the uid: indexes hold numbers.');
  return stdout.toString('latin1').trim();
}
