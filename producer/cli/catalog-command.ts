import { EXIT } from '../../shared/errors/exit-codes.js';
import { adoptMissing } from '../../shared/recovery/adopt-missing.js';
import { createBackends } from '../../shared/transfer/create-backend.js';
import { refillDeadLetters } from '../../shared/runs/refill-dead-letters.js';
import { rebuildIndex } from '../../shared/runs/rebuild-index.js';
import { rebuildOutput } from './outputs.js';
import { plural, print, printJson } from './print.js';
import { openSession, type StartLocal } from './session.js';
import { openSite, type CommonOptions } from './site.js';

/** `bw-bkup catalog rebuild`: seals again what only long-term storage has, and refills Redis' index from the sealed backups. */
export async function rebuildCommand(options: CommonOptions, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'stores', component: 'cli' });
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    const found = await adoptMissing(session.catalog, createBackends(session.config));
    const report = await rebuildIndex(session.queues.redis, session.catalog);
    await refillDeadLetters(session.queues, session.catalog.journalDir);
    const problems = [...found.problems, ...report.problems].map(({ code, message, subject }) => ({ code, message, subject: subject ?? null }));
    if (options.json === true) printJson(rebuildOutput, { v: 1, backups: report.backups, basepaths: report.basepaths, adopted: [...found.adopted], problems });
    else {
      for (const backupId of found.adopted) print(`Backup ${backupId} was complete in long-term storage and is sealed again.`);
      print(`${plural(report.backups, 'sealed backup')} of ${plural(report.basepaths, 'basepath')} indexed.`);
      for (const problem of problems) print(`${problem.code}: ${problem.message} [${problem.subject ?? '?'}]`);
    }
    return problems.length > 0 ? EXIT.failed : EXIT.ok;
  } finally {
    await session.close();
  }
}
