import type { z } from 'zod';
import type { Manifest } from '../../shared/catalog/index.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { readJournal } from '../../shared/journal/index.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson } from '../../shared/paths/path-json.js';
import { readProtections, type Protections } from '../../shared/retention/protections.js';
import { formatAge, formatBytes, formatCount, formatDuration, table } from '../../shared/terminal/index.js';
import { resolveBasepath } from './find-basepath.js';
import { backupsOutput, type backupRowSchema } from './outputs.js';
import { print, printJson } from './print.js';
import { openSite, type CommonOptions, type Site } from './site.js';

type Row = z.infer<typeof backupRowSchema>;
type Output = z.infer<typeof backupsOutput>;

/** `bw-bkup backups [BASEPATH]`: sealed backups, oldest first, from the catalog alone. */
export async function backupsCommand(basepath: string | undefined, options: CommonOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const filter = basepath === undefined ? {} : { basepathId: (await resolveBasepath(site, basepath)).basepathId };
  const output: Output = { v: 1, backups: [], damaged: [] };
  const protections = await readProtections(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const verified = await verifiedBackups(site);
  for await (const listed of site.catalog.listBackups(filter)) {
    if (listed.ok) output.backups.push(backupRow(listed.manifest, protections, verified));
    else output.damaged.push({ basepathId: listed.basepathId, backupId: listed.backupId, code: listed.error.code, message: listed.error.message });
  }
  if (options.json === true) printJson(backupsOutput, output);
  else printPeople(output);
  return output.damaged.length > 0 ? EXIT.failed : EXIT.ok;
}

/** Of each backup the strongest verification that found it sound, since the last that did not. */
async function verifiedBackups(site: Site): Promise<ReadonlyMap<string, NonNullable<Row['verified']>>> {
  const verified = new Map<string, NonNullable<Row['verified']>>();
  const onProblem = (problem: unknown): void => { site.logger.warn({ problem }, 'journal line not usable'); };
  for await (const { backupId, method, outcome } of readJournal(site.catalog.journalDir, { kinds: ['verified'], onProblem })) {
    const known = verified.get(backupId);
    if (outcome === 'damaged') verified.delete(backupId);
    else if (known === undefined || METHODS.indexOf(method) > METHODS.indexOf(known)) verified.set(backupId, method);
  }
  return verified;
}

/** From the weakest to the strongest. */
const METHODS: readonly NonNullable<Row['verified']>[] = ['catalog', 'slices', 'archives', 'restore-drill'];

export function backupRow(manifest: Manifest, protections: Protections, verified: ReadonlyMap<string, NonNullable<Row['verified']>>): Row {
  const { counts } = manifest;
  return {
    backupId: manifest.backupId,
    basepathId: manifest.basepathId,
    path: manifest.source.path,
    level: manifest.level,
    outcome: manifest.outcome,
    capturedAt: manifest.capturedAt,
    sealedAt: manifest.sealedAt,
    durationMs: Math.max(0, Date.parse(manifest.sealedAt) - Date.parse(manifest.startedAt)),
    records: counts.records,
    sourceBytes: counts.sourceBytes,
    archiveBytes: counts.archiveBytes,
    archives: manifest.archives.length,
    slices: manifest.archives.reduce((sum, archive) => sum + archive.slices.length, 0),
    exceptions: counts.exceptions,
    vanished: counts.vanished,
    changedThenSaved: counts.changedThenSaved,
    held: protections.holdOf(manifest.basepathId, manifest.backupId),
    toAccept: manifest.shrunk && !protections.accepted.has(manifest.backupId),
    imported: manifest.imported !== undefined,
    verified: verified.get(manifest.backupId) ?? null,
  };
}

/** Our own were proven when they were sealed. */
function proofText(row: Row): string {
  if (row.imported && row.verified !== 'archives' && row.verified !== 'restore-drill') return 'imported, UNVERIFIED';
  return `${row.imported ? 'imported, ' : ''}${row.verified ?? 'sealed'}`;
}

function printPeople(output: Output): void {
  const now = Date.now();
  if (output.backups.length === 0) print('No sealed backup.');
  else
    print(
      table(output.backups, [
        { title: 'backup', cell: (row) => row.backupId },
        { title: 'basepath', cell: (row) => showPath(fromPathJson(row.path)) },
        { title: 'level', cell: (row) => row.level },
        { title: 'outcome', cell: (row) => (row.exceptions > 0 ? `${row.outcome} (${formatCount(row.exceptions)})` : row.outcome) },
        { title: 'proof', cell: proofText },
        { title: 'captured', cell: (row) => formatAge(Date.parse(row.capturedAt), now) },
        { title: 'took', align: 'right', cell: (row) => formatDuration(row.durationMs) },
        { title: 'entries', align: 'right', cell: (row) => formatCount(row.records) },
        { title: 'source', align: 'right', cell: (row) => formatBytes(BigInt(row.sourceBytes)) },
        { title: 'archive', align: 'right', cell: (row) => formatBytes(BigInt(row.archiveBytes)) },
        { title: 'archives', align: 'right', cell: (row) => `${row.archives}/${row.slices}` },
        { title: '', cell: (row) => [row.toAccept ? 'SHRUNK: accept it, or find out why' : '', row.held === null ? '' : `held: ${row.held}`].filter((note) => note !== '').join('; ') },
      ]),
    );
  for (const damaged of output.damaged) print(`${damaged.code} ${damaged.basepathId}/${damaged.backupId}: ${damaged.message}`);
}
