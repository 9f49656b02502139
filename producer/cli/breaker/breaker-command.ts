import { closes, label, openedByHand, type Resource } from '../../../shared/breaker/breaker.js';
import { RedisBreakers } from '../../../shared/breaker/breaker-store.js';
import type { Config } from '../../../shared/config/config.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { operatorName } from '../removal/operator.js';
import { plural, print, printJson } from '../print.js';
import type { Session, StartLocal } from '../session.js';
import { usage, type CommonOptions } from '../site.js';
import { withSession } from '../work/drain-command.js';
import { outageLines, readOutages } from './outage-rows.js';
import { breakerOutput } from './outputs.js';

/** `bw-bkup breaker list`: what is out, and what to do. */
export async function breakerListCommand(options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, (session) => report(session, options));
}

/** `bw-bkup breaker close NAME`: it is well again, an operator says: jobs go on at once, and find out. */
export async function breakerCloseCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const store = new RedisBreakers(session.queues.redis);
    const resource = resourceOf(name, session.config, await store.all()); // also what is configured no more: nobody looks whether that is well
    const { before } = await store.change(resource, (breaker) => (breaker.state === 'closed' ? breaker : closes(breaker, Date.now())));
    await report(session, options);
    if (options.json !== true) print(before.state === 'closed' ? `${label(resource)} was not out.` : `${label(resource)} counts as well: its jobs go on within seconds.`);
    return before.state === 'closed' ? EXIT.nothingMatched : EXIT.ok;
  });
}

/** `bw-bkup breaker open NAME [--reason TEXT]`: jobs that need it wait until `close`, such as before a storage is taken down. */
export async function breakerOpenCommand(name: string, options: CommonOptions & { readonly reason?: string }, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const resource = resourceOf(name, session.config);
    const operator = operatorName() ?? 'an operator';
    await new RedisBreakers(session.queues.redis).change(resource, (breaker) => openedByHand(breaker, operator, options.reason ?? '', Date.now()));
    return report(session, options);
  });
}

async function report(session: Session, options: CommonOptions): Promise<number> {
  const outages = await readOutages(new RedisBreakers(session.queues.redis));
  if (options.json === true) printJson(breakerOutput, { v: 1, outages });
  else if (outages.length === 0) print('Nothing is out.');
  else {
    for (const row of outages) for (const line of outageLines(row)) print(line);
    const looked = outages.some(({ operator }) => operator === null);
    print(`${plural(outages.length, 'outage')}. ${looked ? 'Jobs go on by themselves when a look finds it well; at once: bw-bkup breaker close NAME' : 'Opened by hand: jobs go on when it is closed by hand.'}`);
  }
  return EXIT.ok;
}

/** `lts:tape`, `mount:/u/staff`, `catalog`, `staging:HOST`, or just the name of an LTS or path of a topdir; configured, or one of `others` (pure). Throws USAGE. */
export function resourceOf(name: string, { topdirs, lts }: Pick<Config, 'topdirs' | 'lts'>, others: readonly Resource[] = []): Resource {
  const known: Resource[] = [...lts.map((each) => ({ kind: 'lts' as const, name: each.name })), ...topdirs.map(({ path }) => ({ kind: 'mount' as const, name: path })), { kind: 'catalog', name: 'catalog' }];
  const staging = /^staging:(.+)$/.exec(name)?.[1];
  const found = staging === undefined ? [...known, ...others].find((each) => label(each) === name || each.name === name.replace(/(.)\/+$/, '$1')) : { kind: 'staging' as const, name: staging };
  if (found === undefined) throw usage(`nothing that could be out is named ${name}`, `Known: ${known.map(label).join(', ')}, staging:HOST.`);
  return { kind: found.kind, name: found.name };
}
