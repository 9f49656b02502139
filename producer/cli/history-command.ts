import { resolve } from 'node:path';
import type { z } from 'zod';
import { readBasepaths } from '../../shared/basepaths/index.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { findException } from '../../shared/index/find-exceptions.js';
import { findVersions } from '../../shared/index/find-versions.js';
import { pathFilter } from '../../shared/index/line-filter.js';
import { isTombstone } from '../../shared/index/tombstone.js';
import type { BackupHistory, PathVersion } from '../../shared/index/path-versions.js';
import { bytePath, showPath, unshowPath, type BytePath } from '../../shared/paths/byte-path.js';
import { toPathJson } from '../../shared/paths/path-json.js';
import { formatBytes, table } from '../../shared/terminal/index.js';
import { openHistory, type ListedVersion } from './basepath-history.js';
import { resolveBasepath, unknownBasepath, type NamedBasepath } from './find-basepath.js';
import { print } from './print.js';
import { instantText, timeOf } from './show-record.js';
import { openSite, type CommonOptions, type Site } from './site.js';
import { historyLine } from './version-outputs.js';

export interface HistoryOptions extends CommonOptions {
  readonly basepath?: string;
}

type Row = z.infer<typeof historyLine>;

/** `bw-bkup history PATH`: every version of a path that sealed backups have, oldest first, from their indexes alone. Exit 4 when none knows it. */
export async function historyCommand(path: string, options: HistoryOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const places = await placesOf(site, path, options.basepath);
  const rows: Row[] = [];
  for (const { basepath, relative } of places) {
    const found = await rowsOf(site, basepath, relative);
    rows.push(...found);
    if (found.length > 0) break;
  }
  if (options.json === true) for (const row of rows) print(JSON.stringify(historyLine.parse(row)));
  else printPeople(rows, path);
  return rows.length === 0 ? EXIT.nothingMatched : EXIT.ok;
}

interface Place {
  readonly basepath: NamedBasepath;
  readonly relative: BytePath;
}

/** What a path may mean, the likeliest first: as it was typed, or as bw-bkup shows names that cannot be typed. Throws BASEPATH_UNKNOWN, USAGE. */
async function placesOf(site: Site, path: string, basepath: string | undefined): Promise<Place[]> {
  if (basepath !== undefined) {
    const named = await resolveBasepath(site, basepath);
    return bothSpellings(path).map((typed) => ({ basepath: named, relative: relativeTo(named.path, typed) }));
  }
  const absolute = resolve(path);
  const known = await basepathsOf(site);
  const places = bothSpellings(absolute).flatMap((typed) => {
    const above = known.filter((each) => typed === each.path || typed.startsWith(`${each.path}/`)).sort((a, b) => b.path.length - a.path.length);
    return above.map((each) => ({ basepath: each, relative: relativeTo(each.path, typed) }));
  });
  if (places.length === 0) throw unknownBasepath(absolute, 'Give an absolute path below a basepath that `bw-bkup status` shows, or a path below it with --basepath.');
  return places;
}

/** From journal and catalog: also those whose journal is lost, and those that are gone. */
async function basepathsOf(site: Site): Promise<NamedBasepath[]> {
  const registry = await readBasepaths(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const known = new Map<string, NamedBasepath>([...registry.all()].map((record) => [record.basepathId, record]));
  for (const id of await site.catalog.listBasepathIds()) {
    if (!known.has(id)) known.set(id, await resolveBasepath(site, id).catch(() => ({ basepathId: id, path: bytePath.of('/dev/null'), topdir: '' })));
  }
  return [...known.values()];
}

function bothSpellings(text: string): BytePath[] {
  return [...new Set([bytePath.fromText(text), unshowPath(text)])];
}

/** Below the basepath; `typed` may be absolute or relative to it. */
function relativeTo(basepath: BytePath, typed: BytePath): BytePath {
  const below = typed === basepath ? '' : typed.startsWith(`${basepath}/`) ? typed.slice(basepath.length + 1) : typed;
  const clean = below.split('/').filter((part) => part !== '' && part !== '.').join('/');
  return bytePath.of(clean === '' ? '.' : clean);
}

async function rowsOf(site: Site, basepath: NamedBasepath, path: BytePath): Promise<Row[]> {
  const history = await openHistory(site, basepath.basepathId);
  const lines = await linesOf(history, path);
  const reasons = new Map<number, string>();
  for (const [number, { exceptions }] of history.backups.entries()) {
    const reason = exceptions === null ? null : await findException(exceptions, path);
    if (reason !== null) reasons.set(number, reason);
  }
  return history.versions(lines, reasons).map((version) => rowOf(basepath.basepathId, path, version, history));
}

/** A path is a file or a directory, under two keys: what changed its type is removed under one and there under the other. */
async function linesOf(history: BackupHistory<ListedVersion>, path: BytePath): Promise<Map<number, string>> {
  const lines = new Map<number, string>();
  for await (const found of findVersions(history, pathFilter(path))) {
    for (const each of found) for (const [number, line] of each.lines) if (!lines.has(number) || !isTombstone(line)) lines.set(number, line);
  }
  return lines;
}

function rowOf(basepathId: string, path: BytePath, version: PathVersion, { backups }: BackupHistory<ListedVersion>): Row {
  const [first, last] = [backups[version.first], backups[version.last]];
  if (first === undefined || last === undefined) throw new RangeError(`no backup ${version.first}`);
  const { state, record, heldBy, reason } = version;
  return {
    basepathId,
    basepath: last.path,
    path: toPathJson(path),
    state,
    backupId: first.backupId,
    capturedAt: first.capturedAt,
    lastBackupId: last.backupId,
    lastCapturedAt: last.capturedAt,
    backups: version.last - version.first + 1,
    type: record?.type ?? null,
    size: record?.size ?? null,
    mtime: record?.mtime ?? null,
    mode: record?.mode ?? null,
    uid: record?.uid ?? null,
    gid: record?.gid ?? null,
    flags: record?.flags ?? null,
    heldBy,
    reason,
  };
}

function printPeople(rows: readonly Row[], path: string): void {
  if (rows.length === 0) {
    print(`No sealed backup knows ${showPath(bytePath.fromText(path))}.`);
    return;
  }
  print(
    table(rows, [
      { title: 'captured', cell: (row) => instantText(row.capturedAt) },
      { title: 'backup', cell: (row) => row.backupId },
      { title: 'state', cell: (row) => (row.flags === null || row.flags === '' ? row.state : `${row.state} [${row.flags}]`) },
      { title: 'type', cell: (row) => row.type ?? '' },
      { title: 'size', align: 'right', cell: (row) => (row.size === null ? '' : formatBytes(BigInt(row.size))) },
      { title: 'mtime', cell: (row) => (row.mtime === null ? '' : timeOf(row.mtime)) },
      { title: 'mode', cell: (row) => row.mode ?? '' },
      { title: 'owner', cell: (row) => (row.uid === null ? '' : `${row.uid}:${row.gid ?? ''}`) },
      { title: 'until', cell: (row) => (row.backups === 1 ? '' : `${row.lastBackupId} (${row.backups})`) },
      { title: 'why', cell: (row) => row.reason ?? '' },
    ]),
  );
}
