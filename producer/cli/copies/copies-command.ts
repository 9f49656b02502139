import { CopyTally, type MissingCopy } from '../../../shared/copies/copy-tally.js';
import type { CopyOrderState } from '../../../shared/copies/copy-jobs.js';
import type { Config } from '../../../shared/config/config.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { formatBytes, formatCount, formatDuration, table } from '../../../shared/terminal/index.js';
import { plural, print, printJson } from '../print.js';
import { openSite, usage, type CommonOptions, type Site } from '../site.js';
import { copiesOutput, type CopiesOutput } from './outputs.js';
import { readCopyLive, type CopyLive } from './read-live.js';

export interface CopiesOptions extends CommonOptions {
  readonly topdir?: string;
  readonly lts?: string;
  readonly missing?: boolean;
}

/** `bw-bkup copies`: what each LTS holds of the sealed backups, and what it lacks, since when and why. From the catalog, also while Redis is down; exit 1 when a copy is missing for too long. */
export async function copiesCommand(options: CopiesOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const { config } = site;
  if (options.lts !== undefined) ltsNamed(config, options.lts);
  if (options.topdir !== undefined) topdirNamed(config, options.topdir);
  const live = readCopyLive(config);
  const tally = new CopyTally(config.lts, config.topdirs, Date.now());
  const missing: (MissingCopy & { lts: string })[] = [];
  for await (const manifest of sealedOf(site, options.topdir)) {
    for (const [lts, copy] of tally.add(manifest)) if (options.missing === true && (options.lts ?? lts) === lts) missing.push({ lts, ...copy });
  }
  const output = outputOf(tally, missing, await live, options);
  if (options.json === true) printJson(copiesOutput, output);
  else printPeople(output);
  return output.lts.some(({ overdue }) => overdue > 0) ? EXIT.failed : EXIT.ok;
}

/** Sealed backups, of one topdir or all; unreadable ones are told and left out. */
export async function* sealedOf({ catalog, logger }: Site, topdir?: string, basepathId?: string) {
  for await (const listed of catalog.listBackups(basepathId === undefined ? {} : { basepathId })) {
    if (!listed.ok) logger.warn({ err: listed.error }, 'manifest not usable');
    else if (topdir === undefined || listed.manifest.source.topdir === topdir) yield listed.manifest;
  }
}

/** Throws USAGE. */
export function ltsNamed({ lts }: Config, name: string): string {
  if (lts.some((each) => each.name === name)) return name;
  throw usage(`no LTS is called ${name}`, `Known are ${lts.map((each) => each.name).join(', ')}.`);
}

/** Throws USAGE. */
export function topdirNamed({ topdirs }: Config, path: string): string {
  if (topdirs.some((each) => each.path === path)) return path;
  throw usage(`${path} is no topdir`, `Known are ${topdirs.map((each) => each.path).join(', ')}.`);
}

function outputOf(tally: CopyTally, missing: readonly (MissingCopy & { lts: string })[], live: CopyLive | null, options: CopiesOptions): CopiesOutput {
  const row = (lts: string, { isOverdue, bytes, ...copy }: MissingCopy): NonNullable<CopiesOutput['missing']>[number] => {
    const order = live?.orders.find((each) => each.lts === lts && each.backupId === copy.backupId);
    return { ...copy, lts, bytes: bytes.toString(), ageMs: Math.max(0, Date.now() - Date.parse(copy.sealedAt)), overdue: isOverdue, state: order?.state ?? null, why: whyNot(lts, order, live) };
  };
  return {
    v: 1,
    lts: tally.rows.filter(({ lts }) => (options.lts ?? lts) === lts).map(({ completeBytes, missingBytes, oldest, ...counts }) => ({
      ...counts,
      completeBytes: completeBytes.toString(),
      missingBytes: missingBytes.toString(),
      running: live === null ? null : live.orders.filter(({ lts, state }) => lts === counts.lts && state === 'running').length,
      oldest: oldest === null ? null : row(counts.lts, oldest),
      outage: live?.outages.get(counts.lts) ?? null,
    })),
    unknownLts: [...tally.unknown].sort(),
    missing: options.missing === true ? missing.map(({ lts, ...copy }) => row(lts, copy)) : null,
  };
}

function whyNot(lts: string, order: CopyOrderState | undefined, live: CopyLive | null): string | null {
  const [reason = null] = order?.reason?.split('\n', 1) ?? [];
  return live?.outages.get(lts) ?? reason;
}

function printPeople(output: CopiesOutput): void {
  const size = (bytes: string): string => formatBytes(BigInt(bytes));
  print(
    table(output.lts, [
      { title: 'lts', cell: (row) => row.lts },
      { title: 'complete', align: 'right', cell: (row) => formatCount(row.complete) },
      { title: 'size', align: 'right', cell: (row) => size(row.completeBytes) },
      { title: 'missing', align: 'right', cell: (row) => formatCount(row.missing) },
      { title: 'size', align: 'right', cell: (row) => size(row.missingBytes) },
      { title: 'being made', align: 'right', cell: (row) => (row.running === null ? '?' : formatCount(row.running)) },
      { title: 'oldest', align: 'right', cell: (row) => (row.oldest === null ? '-' : formatDuration(row.oldest.ageMs)) },
      { title: 'why', cell: (row) => row.oldest?.why ?? row.outage ?? '' },
    ]),
  );
  for (const { lts, absent, overdue } of output.lts) {
    if (overdue > 0) print(`${lts}: ${plural(overdue, 'copy', 'copies')} missing for longer than copies.missingFor: bw-bkup copies --missing --lts ${lts}`);
    if (absent > 0) print(`${lts}: ${plural(absent, 'backup')} from before it was configured are not there. To fill it up: bw-bkup copies make --lts ${lts}`);
  }
  for (const lts of output.unknownLts) print(`${lts} is not configured any more: what manifests say of it is ignored.`);
  for (const row of output.missing ?? []) print(`${row.lts}: ${row.basepathId} ${row.backupId}, ${size(row.bytes)}, for ${formatDuration(row.ageMs)}${row.state === null ? '' : `, ${row.state}`}${row.why === null ? '' : `: ${row.why}`}`);
}
