import type { Manifest } from '../../../shared/catalog/index.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { readProtections } from '../../../shared/retention/protections.js';
import { resolveBasepath } from '../find-basepath.js';
import { print, printJson } from '../print.js';
import { openSite, type CommonOptions } from '../site.js';
import { byOperator, record } from './operator.js';
import { acceptOutput } from './outputs.js';

export interface AcceptOptions extends CommonOptions {
  readonly reason?: string;
}

/** `bw-bkup accept BASEPATH`: much less is there than before, and that is right: what was before it may go. Throws NOTHING_TO_ACCEPT. */
export async function acceptCommand(name: string, options: AcceptOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const { basepathId } = await resolveBasepath(site, name);
  const known = await site.catalog.backupsOf(basepathId, (error) => { site.logger.warn({ err: error }, 'manifest not usable'); });
  const { accepted } = await readProtections(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const shrunk = [...known.values()].filter((manifest) => manifest.shrunk && !accepted.has(manifest.backupId));
  if (shrunk.length === 0) throw nothingToAccept(name);
  await record(site, shrunk.map(({ backupId }) => ({ kind: 'accepted' as const, basepathId, backupId, reason: options.reason ?? '', ...byOperator() })));
  if (options.json === true) printJson(acceptOutput, { v: 1, basepathId, accepted: shrunk.map(({ backupId }) => backupId) });
  else for (const manifest of shrunk) print(sentence(manifest));
  return EXIT.ok;
}

function sentence({ backupId, counts, capturedAt }: Manifest): string {
  return `Accepted: backup ${backupId} of ${capturedAt} with ${counts.records} entries. What was before it is kept as retention says.`;
}

function nothingToAccept(name: string): BwError {
  return new BwError('NOTHING_TO_ACCEPT', {
    message: 'no backup of this basepath is flagged as shrunk and not accepted yet',
    subject: name,
    retry: 'permanent',
    hint: 'See `bw-bkup backups BASEPATH`.',
  });
}
