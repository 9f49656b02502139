import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { Presence } from '../../../shared/hosts/presence.js';
import { isHeard } from '../../../shared/hosts/silence.js';
import { DrainedHosts } from '../../../shared/orders/drained-hosts.js';
import { activeJobs } from '../../preemption/active-jobs.js';
import { operatorName } from '../removal/operator.js';
import { plural, print, printJson, say } from '../print.js';
import { openSession, type Session, type StartLocal } from '../session.js';
import { openSite, type CommonOptions } from '../site.js';
import { drainOutput } from './outputs.js';

export interface DrainOptions extends CommonOptions {
  readonly whenIdle?: boolean;
  readonly force?: boolean;
  readonly wait?: boolean;
  readonly reason?: string;
}

/** How often a host that is waited for is looked at, ms. */
const LOOK_EVERY_MS = 1_000;

/** `bw-bkup drain HOST`: it takes no new work until `resume`; what runs there is stopped and goes on elsewhere, is let finish, or is ended at once. */
export async function drainCommand(host: string, options: DrainOptions, startLocal: StartLocal): Promise<number> {
  const [whenIdle, force] = [options.whenIdle === true, options.force === true];
  return withSession(options, startLocal, async (session) => {
    const drained = { since: new Date().toISOString(), user: operatorName() ?? null, reason: options.reason ?? '', whenIdle, force };
    await new DrainedHosts(session.queues.redis).drain(host, drained);
    if (options.json !== true) await sayIfUnheard(session, host);
    if (options.wait === true) await untilIdle(session, host, options);
    const running = await runningOn(session, host);
    if (options.json === true) printJson(drainOutput, { v: 1, host, drained: true, whenIdle, force, running });
    else print(options.wait === true ? `${host} is idle, and all it staged is sent: it can be turned off. It takes no new work until \`bw-bkup resume ${host}\`.` : sentence(host, running, drained));
    return EXIT.ok;
  });
}

/** `bw-bkup resume HOST`: ends a drain. */
export async function resumeCommand(host: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const was = await new DrainedHosts(session.queues.redis).resume(host);
    const running = await runningOn(session, host);
    if (options.json === true) printJson(drainOutput, { v: 1, host, drained: false, whenIdle: false, force: false, running });
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

async function runningOn({ queues }: Session, host: string): Promise<number> {
  return (await activeJobs(queues)).filter((job) => job.host === host).length;
}

/** Copies, verifications, sweeps: `--when-idle` lets them finish. */
async function besideOn({ queues }: Session, host: string): Promise<number> {
  const active = await Promise.all([queues.cleanup, queues.copies, queues.erasing, queues.cleanupOf(host)].map((queue) => queue.getActive()));
  return (active.flat() as (Job | undefined)[]).filter((job) => job?.processedBy?.split('/', 1)[0] === host).length;
}

/** As long as it takes; says what is left when that has changed. */
async function untilIdle(session: Session, host: string, options: DrainOptions): Promise<void> {
  let said = '';
  for (;;) {
    const [running, transfers] = [(await runningOn(session, host)) + (await besideOn(session, host)), await session.queues.transfer(host).getJobCountByTypes('active', 'waiting', 'prioritized', 'delayed')];
    if (running + transfers === 0) return;
    const left = `${host}: ${plural(running, 'job')} and ${plural(transfers, 'transfer')} left.`;
    if (left !== said && options.json !== true) say(left);
    said = left;
    await sleep(LOOK_EVERY_MS);
  }
}

function sentence(host: string, running: number, { whenIdle, force }: { readonly whenIdle: boolean; readonly force: boolean }): string {
  const how = force ? 'end at once, keep nothing of what they saved since they began there, and go on elsewhere' : 'now stop, keep what they saved, and go on elsewhere';
  const now = running === 0 ? 'Nothing of the backup queue runs there' : `${plural(running, 'job')} there ${whenIdle ? 'may finish' : how}`;
  return `${host} takes no new work until \`bw-bkup resume ${host}\`. ${now}; what it staged is still sent to long-term storage: look with bw-bkup status before it is turned off.`;
}

/** A name that is spelled wrong is drained like one that is right. */
async function sayIfUnheard({ queues }: Session, host: string): Promise<void> {
  if (!isHeard(host, await new Presence(queues.redis).heard())) say(`No worker is heard on ${host} now: if the name is wrong, \`bw-bkup resume ${host}\`.`);
}
