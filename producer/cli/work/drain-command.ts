import { EXIT } from '../../../shared/errors/exit-codes.js';
import { DrainedHosts } from '../../../shared/orders/drained-hosts.js';
import { activeJobs } from '../../preemption/active-jobs.js';
import { operatorName } from '../removal/operator.js';
import { plural, print, printJson } from '../print.js';
import { openSession, type Session, type StartLocal } from '../session.js';
import { openSite, type CommonOptions } from '../site.js';
import { drainOutput } from './outputs.js';

export interface DrainOptions extends CommonOptions {
  readonly whenIdle?: boolean;
  readonly reason?: string;
}

/** `bw-bkup drain HOST`: it takes no new work until `resume`; what runs there is stopped and goes on elsewhere, or is let finish. */
export async function drainCommand(host: string, options: DrainOptions, startLocal: StartLocal): Promise<number> {
  const whenIdle = options.whenIdle === true;
  return withSession(options, startLocal, async (session) => {
    const drained = { since: new Date().toISOString(), user: operatorName() ?? null, reason: options.reason ?? '', whenIdle };
    await new DrainedHosts(session.queues.redis).drain(host, drained);
    const running = (await activeJobs(session.queues)).filter((job) => job.host === host).length;
    if (options.json === true) printJson(drainOutput, { v: 1, host, drained: true, whenIdle, running });
    else print(sentence(host, running, whenIdle));
    return EXIT.ok;
  });
}

/** `bw-bkup resume HOST`: ends a drain. */
export async function resumeCommand(host: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const was = await new DrainedHosts(session.queues.redis).resume(host);
    const running = (await activeJobs(session.queues)).filter((job) => job.host === host).length;
    if (options.json === true) printJson(drainOutput, { v: 1, host, drained: false, whenIdle: false, running });
    else print(was ? `${host} takes work again.` : `${host} was not drained.`);
    return was ? EXIT.ok : EXIT.nothingMatched;
  });
}

export async function withSession(options: CommonOptions, startLocal: StartLocal, work: (session: Session) => Promise<number>): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

function sentence(host: string, running: number, whenIdle: boolean): string {
  const now = running === 0 ? 'Nothing of the backup queue runs there' : `${plural(running, 'job')} there ${whenIdle ? 'may finish' : 'now stop, keep what they saved, and go on elsewhere'}`;
  return `${host} takes no new work until \`bw-bkup resume ${host}\`. ${now}; what it staged is still sent to long-term storage: look with bw-bkup status before it is turned off.`;
}
