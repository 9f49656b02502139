import { EXIT } from '../../../shared/errors/exit-codes.js';
import { bringBack } from '../../retention/apply-prune.js';
import { plural, print, printJson } from '../print.js';
import { openSession, type StartLocal } from '../session.js';
import { openSite, type CommonOptions } from '../site.js';
import { operatorName, withJournal } from './operator.js';
import { undeleteOutput } from './outputs.js';

/** `bw-bkup undelete BACKUP`: takes the tombstone away, and those of its ancestors. */
export async function undeleteCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const [basepathId, backupId] = await site.catalog.findRemoved(name);
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    const { catalog, queues } = session;
    const back = await withJournal(site, (journal) => bringBack({ catalog, journal, queues, onProblem: (problem) => { site.logger.warn({ problem }, 'not usable'); } }, basepathId, backupId, operatorName()));
    if (options.json === true) printJson(undeleteOutput, { v: 1, basepathId, backupId, back });
    else print(sentence(backupId, back));
    return EXIT.ok;
  } finally {
    await session.close();
  }
}

function sentence(backupId: string, back: readonly string[]): string {
  const ancestors = back.filter((id) => id !== backupId);
  const others = ancestors.length === 0 ? '' : ` and ${plural(ancestors.length, 'ancestor')} of it`;
  return `Backup ${backupId}${others}: back. For longer than retention.gracePeriod: bw-bkup hold ${backupId} --reason WHY`;
}
