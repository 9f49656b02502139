import { decodeTime } from 'ulid';
import type { z } from 'zod';
import { readBasepaths } from '../../../shared/basepaths/index.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { formatError, toBwError } from '../../../shared/errors/bw-error.js';
import { readJournal } from '../../../shared/journal/index.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { formatBytes, formatCount, table } from '../../../shared/terminal/index.js';
import { createBackends } from '../../../shared/transfer/create-backend.js';
import { addUsage, growth, GROWTH_DAYS, usageIn, usageOf, type BasepathUsage, type Usage } from '../../retention/usage.js';
import { print, printJson } from '../print.js';
import { openSite, type CommonOptions, type Site } from '../site.js';
import { usageOutput } from './outputs.js';

type Output = z.infer<typeof usageOutput>;

const DAY_MS = 86_400_000;
const NOTHING: Usage = { backups: 0, bytes: 0n, removedBytes: 0n, grownBytes: 0n };

/** `bw-bkup usage`: what backups take in every LTS, and when one is full. From the catalog; only the free space is asked for. */
export async function usageCommand(options: CommonOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const onProblem = (problem: unknown): void => { site.logger.warn({ problem }, 'journal line not usable'); };
  const now = Date.now();
  const registry = await readBasepaths(site.catalog.journalDir, onProblem);
  const basepaths: BasepathUsage[] = [];
  const topdirs = new Map<string, Usage>();
  for await (const usage of usageOf(site.catalog, registry, now)) {
    basepaths.push(usage);
    if (usage.topdir !== null) topdirs.set(usage.topdir, addUsage(topdirs.get(usage.topdir) ?? NOTHING, usage));
  }
  const output: Output = {
    v: 1,
    topdirs: [...topdirs].map(([topdir, usage]) => ({ topdir, ...inText(usage) })),
    basepaths: basepaths.map(({ basepathId, path, topdir, ...usage }) => ({ basepathId, path, topdir, ...inText(usage) })),
    lts: await ltsRows(site, basepaths, now),
  };
  if (options.json === true) printJson(usageOutput, output);
  else printPeople(output);
  return output.lts.some(({ error }) => error !== null) ? EXIT.failed : EXIT.ok;
}

function inText({ backups, bytes, removedBytes, grownBytes }: Usage): { backups: number; bytes: string; removedBytes: string; grownBytes: string } {
  return { backups, bytes: bytes.toString(), removedBytes: removedBytes.toString(), grownBytes: grownBytes.toString() };
}

/** Each fills at its own time, with what goes there; a copy that is missing yet counts as there, what was erased as spread evenly. */
async function ltsRows(site: Site, usages: readonly BasepathUsage[], now: number): Promise<Output['lts']> {
  const { goneBytes, firstAtMs } = await pace(site, now);
  const rows: Output['lts'] = [];
  for (const backend of createBackends(site.config)) {
    const asked = await backend.probe().then(({ freeBytes }) => ({ freeBytes, error: null }), (thrown: unknown) => ({ freeBytes: null, error: formatError(toBwError(thrown)) }));
    const freeBytes = asked.freeBytes === null ? null : BigInt(asked.freeBytes);
    const { bytesPerDay, daysToFull } = growth(usageIn(backend.name, usages, site.config.topdirs), goneBytes / BigInt(site.config.lts.length), freeBytes, (now - firstAtMs) / DAY_MS);
    rows.push({ lts: backend.name, freeBytes: freeBytes?.toString() ?? null, bytesPerDay: bytesPerDay.toString(), daysToFull, error: asked.error });
  }
  return rows;
}

/**
 * Bytes erased in the time growth is measured over (in all LTS together), and when the first backup sealed. Backups that came and went within that time
 * are neither growth nor loss; ids are ULIDs, which begin with the time.
 */
async function pace(site: Site, now: number): Promise<{ goneBytes: bigint; firstAtMs: number }> {
  let goneBytes = 0n;
  let firstAtMs = now;
  const onProblem = (problem: unknown): void => { site.logger.warn({ problem }, 'journal line not usable'); };
  for await (const record of readJournal(site.catalog.journalDir, { kinds: ['erased', 'sealed'], onProblem })) {
    const atMs = Date.parse(record.at);
    firstAtMs = Math.min(firstAtMs, atMs);
    const since = now - GROWTH_DAYS * DAY_MS;
    if (record.kind === 'erased' && atMs > since && decodeTime(record.backupId) < since) goneBytes += BigInt(record.bytes);
  }
  return { goneBytes, firstAtMs };
}

function printPeople(output: Output): void {
  const bytes = (text: string): string => formatBytes(BigInt(text));
  const columns = [
    { title: 'backups', align: 'right' as const, cell: (row: Output['topdirs'][number] | Output['basepaths'][number]) => formatCount(row.backups) },
    { title: 'size', align: 'right' as const, cell: (row: Output['topdirs'][number] | Output['basepaths'][number]) => bytes(row.bytes) },
    { title: `last ${GROWTH_DAYS} days`, align: 'right' as const, cell: (row: Output['topdirs'][number] | Output['basepaths'][number]) => bytes(row.grownBytes) },
    { title: 'to be erased', align: 'right' as const, cell: (row: Output['topdirs'][number] | Output['basepaths'][number]) => bytes(row.removedBytes) },
  ];
  if (output.basepaths.length === 0) print('No backup yet.');
  else {
    print(table(output.basepaths, [{ title: 'basepath', cell: (row) => (row.path === null ? row.basepathId : showPath(fromPathJson(row.path))) }, { title: 'id', cell: (row) => row.basepathId }, ...columns]));
    print(table(output.topdirs, [{ title: 'topdir', cell: (row) => row.topdir }, ...columns]));
  }
  for (const row of output.lts) {
    if (row.error !== null) print(row.error);
    else print(`${row.lts}: ${row.freeBytes === null ? 'free space unknown' : `${bytes(row.freeBytes)} free`}, ${bytes(row.bytesPerDay)} more per day, ${row.daysToFull === null ? 'not filling up' : `full in ${formatCount(row.daysToFull)} days`}.`);
  }
}
