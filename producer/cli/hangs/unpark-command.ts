import { EXIT } from '../../../shared/errors/exit-codes.js';
import { SuspicionStore } from '../../../shared/hosts/suspicion.js';
import { resolveBasepath } from '../find-basepath.js';
import { print, printJson } from '../print.js';
import { openSession, type StartLocal } from '../session.js';
import { openSite, type CommonOptions } from '../site.js';
import { unparkOutput } from './outputs.js';

/** `bw-bkup basepath unpark BASEPATH`: one that hung wherever it was read is read again. Throws BASEPATH_UNKNOWN. */
export async function unparkCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const { basepathId } = await resolveBasepath(site, name);
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    const unparked = await new SuspicionStore(session.queues.redis).unpark(basepathId);
    if (options.json === true) printJson(unparkOutput, { v: 1, basepathId, unparked });
    else print(unparked ? `${basepathId} is read again: what waits for it starts within seconds.` : `${basepathId} is not parked.`);
    return unparked ? EXIT.ok : EXIT.nothingMatched;
  } finally {
    await session.close();
  }
}
