import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { toBwError } from '../../shared/errors/bw-error.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { openJournal, writerName } from '../../shared/journal/index.js';
import { adoptMissing, type AdoptReport } from '../../shared/recovery/adopt-missing.js';
import { rebuildFromLts, type FromLts } from '../../shared/recovery/rebuild-from-lts.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';
import { createBackends } from '../../shared/transfer/create-backend.js';
import { countReads } from '../../shared/transfer/count-reads.js';
import { refillDeadLetters } from '../../shared/runs/refill-dead-letters.js';
import { rebuildIndex } from '../../shared/runs/rebuild-index.js';
import { rebuildOutput } from './outputs.js';
import { plural, print, printJson } from './print.js';
import { openSession, type Session, type StartLocal } from './session.js';
import { openSite, usage, type CommonOptions } from './site.js';

/** What was brought back, wherever it came from. */
interface Found extends AdoptReport {
  readonly fromLts: { readonly snapshot: string | null; readonly objectsRead: number; readonly removed: number; readonly journals: number } | null;
}

/** `bw-bkup catalog rebuild`: seals again what only long-term storage has, and refills Redis' index from the sealed backups. */
export async function rebuildCommand(options: CommonOptions & { readonly fromLts?: string }, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'stores', component: 'cli' });
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    const backends = createBackends(session.config);
    const found: Found = options.fromLts === undefined ? { ...(await adoptMissing(session.catalog, backends)), fromLts: null } : await fromOne(session, named(backends, options.fromLts));
    const report = await rebuildIndex(session.queues.redis, session.catalog);
    await refillDeadLetters(session.queues, session.catalog.journalDir);
    const problems = [...found.problems, ...report.problems].map(({ code, message, subject }) => ({ code, message, subject: subject ?? null }));
    if (options.json === true) printJson(rebuildOutput, { v: 1, backups: report.backups, basepaths: report.basepaths, adopted: [...found.adopted], fromLts: found.fromLts, problems });
    else {
      if (found.fromLts === null) for (const backupId of found.adopted) print(`Backup ${backupId} was complete in long-term storage and is sealed again.`);
      else printFromLts(found.fromLts, found.adopted.length);
      print(`${plural(report.backups, 'sealed backup')} of ${plural(report.basepaths, 'basepath')} indexed.`);
      for (const problem of problems) print(`${problem.code}: ${problem.message} [${problem.subject ?? '?'}]`);
    }
    return problems.length > 0 ? EXIT.failed : EXIT.ok;
  } finally {
    await session.close();
  }
}

function named(backends: readonly TransferBackend[], name: string): TransferBackend {
  const backend = backends.find((each) => each.name === name);
  if (backend === undefined) throw usage(`there is no LTS ${JSON.stringify(name)}`, `Configured are: ${backends.map((each) => each.name).join(', ')}.`);
  return backend;
}

function printFromLts({ snapshot, objectsRead, removed, journals }: NonNullable<Found['fromLts']>, adopted: number): void {
  print(snapshot === null ? 'There is no complete snapshot: everything was taken from what backups have there themselves.' : `Snapshot ${snapshot} was read.`);
  print(`${plural(adopted, 'backup')} sealed again, ${plural(removed, 'removed backup')} and ${plural(journals, 'journal file')} brought back; ${plural(objectsRead, 'object')} read.`);
}

/** Snapshot and bundles, then what single backups have there as objects of their own. */
async function fromOne({ catalog, config }: Session, lts: TransferBackend): Promise<Found> {
  await lts.probe();
  const { backend, reads } = countReads(lts);
  const scratch = join(config.staging.dir, config.host, `rebuild-${ulid()}`);
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  try {
    const rebuilt = await rebuildFromLts(catalog, backend, scratch);
    const more = await adoptMissing(catalog, [backend], scratch);
    await noteBundles(config.host, catalog.journalDir, rebuilt);
    const { snapshot, adopted, buried, journals, problems } = rebuilt;
    return {
      adopted: [...adopted, ...more.adopted],
      problems: [...problems, ...more.problems],
      fromLts: { snapshot: snapshot?.id ?? null, objectsRead: reads(), removed: buried, journals },
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The journal of the snapshot does not know of bundles that are newer. */
async function noteBundles(host: string, journalDir: string, { bundled }: FromLts): Promise<void> {
  if (bundled.length === 0) return;
  const journal = await openJournal(journalDir, writerName(host, process.pid));
  try {
    await journal.appendAll([...bundled]);
  } catch (thrown) {
    throw toBwError(thrown);
  } finally {
    await journal.close();
  }
}
