import type { z } from 'zod';
import { FormatError, parseDuration } from '../../shared/config/units.js';
import type { Config } from '../../shared/config/config.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { configuredLimit } from '../../shared/limits/configured.js';
import { isLimitKey, LIMIT_KEYS, LIMITS, parseLimit, showLimit, type LimitKey, type Scope } from '../../shared/limits/keys.js';
import { readLimits, removeLimit, writeLimit } from '../../shared/limits/limit-store.js';
import type { SetLimit, Where } from '../../shared/limits/resolve.js';
import { formatDuration, table } from '../../shared/terminal/index.js';
import { limitsOutput } from './limits-outputs.js';
import { print, printJson } from './print.js';
import { byOperator, operatorName, record } from './removal/operator.js';
import { openSession, type Session, type StartLocal } from './session.js';
import { openSite, usage, type CommonOptions } from './site.js';

export interface LimitsOptions extends CommonOptions {
  readonly host?: string;
  readonly topdir?: string;
  readonly lts?: string;
  readonly for?: string;
}

type Row = z.infer<typeof limitsOutput>['limits'][number];
type Place = Pick<SetLimit, 'key' | Scope>;

/** `bw-bkup limits`: what the configuration says, and what operators set on top of it. */
export async function limitsCommand(options: CommonOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, (session) => show(session, options));
}

/** `bw-bkup limits set KEY VALUE`: at once, without a restart, on every host. Returns when it is on record. */
export async function setLimitCommand(key: string, value: string, options: LimitsOptions, startLocal: StartLocal): Promise<number> {
  const until = options.for === undefined ? null : Date.now() + checked(options.for, parseDuration, '--for');
  return withSession(options, startLocal, async (session) => {
    const place = placeOf(key, options, session.config);
    checked(value, (text) => parseLimit(place.key, text), place.key);
    const limit: SetLimit = { v: 1, ...place, value: value.trim(), until, setAt: Date.now(), user: operatorName() ?? null };
    await writeLimit(session.queues.redis, limit);
    await journal(session, 'limits-set', place, `${limit.value}${options.for === undefined ? '' : ` for ${options.for}`}`);
    return show(session, options);
  });
}

/** `bw-bkup limits unset KEY`: back to what the configuration says. */
export async function unsetLimitCommand(key: string, options: LimitsOptions, startLocal: StartLocal): Promise<number> {
  return withSession(options, startLocal, async (session) => {
    const place = placeOf(key, options, session.config);
    if (!(await removeLimit(session.queues.redis, place))) throw usage(`${subjectOf(place)} is not set`, '`bw-bkup limits` shows what is, and for what: give the same --host, --topdir or --lts.');
    await journal(session, 'limits-unset', place, 'as configured');
    return show(session, options);
  });
}

async function withSession(options: CommonOptions, startLocal: StartLocal, work: (session: Session) => Promise<void>): Promise<number> {
  const session = await openSession(await openSite(options, { directories: 'skip', component: 'cli' }), options, startLocal, 'redis');
  try {
    await work(session);
    return EXIT.ok;
  } finally {
    await session.close();
  }
}

/** Throws USAGE. */
function placeOf(key: string, { host, topdir, lts }: LimitsOptions, { topdirs, lts: stores }: Config): Place {
  if (!isLimitKey(key)) throw usage(`there is no limit ${key}`, `Limits: ${LIMIT_KEYS.join(', ')}.`);
  const given = { host: host ?? null, topdir: topdir ?? null, lts: lts ?? null };
  for (const scope of ['host', 'topdir', 'lts'] as const) {
    if (given[scope] !== null && !LIMITS[key].scopes.includes(scope)) throw usage(`${key} is not a matter of one ${scope}`, `It takes: ${LIMITS[key].scopes.map((each) => `--${each}`).join(', ')}.`);
  }
  if (topdir !== undefined && !topdirs.some(({ path }) => path === topdir)) throw usage(`${topdir} is no configured topdir`, `Topdirs: ${topdirs.map(({ path }) => path).join(', ')}.`);
  if (lts !== undefined && !stores.some(({ name }) => name === lts)) throw usage(`${lts} is no configured long-term storage`, `Configured: ${stores.map(({ name }) => name).join(', ')}.`);
  return { key, ...given };
}

/** Throws USAGE that says what is taken. */
function checked<T>(text: string, parse: (text: string) => T, what: string): T {
  try {
    return parse(text);
  } catch (thrown) {
    if (!(thrown instanceof FormatError)) throw thrown;
    throw usage(`${what} ${text} ${thrown.problem}`, `Use ${thrown.accepts}.`);
  }
}

async function journal(session: Session, act: string, place: Place, reason: string): Promise<void> {
  await record(session, [{ kind: 'operator', act, reason, subject: subjectOf(place), ...byOperator() }]);
}

function subjectOf({ key, host, topdir, lts }: Place): string {
  return [key, host === null ? [] : `host ${host}`, topdir === null ? [] : `topdir ${topdir}`, lts === null ? [] : `lts ${lts}`].flat().join(' ');
}

async function show({ queues, config }: Session, options: CommonOptions): Promise<void> {
  const set = await readLimits(queues.redis, Date.now());
  const rows = [...configuredRows(config), ...set.map(setRow)];
  if (options.json === true) {
    printJson(limitsOutput, { v: 1, limits: rows });
    return;
  }
  print(
    table(rows, [
      { title: 'limit', cell: ({ key }) => key },
      { title: 'value', cell: ({ value }) => value },
      { title: 'of', cell: ({ host, topdir, lts }) => [host === null ? [] : `host ${host}`, topdir ?? [], lts === null ? [] : `lts ${lts}`].flat().join(' ') },
      { title: 'from', cell: ({ source, user, until }) => (source === 'config' ? 'configuration' : `${user ?? 'somebody'}${until === null ? '' : `, for another ${formatDuration(Math.max(0, Date.parse(until) - Date.now()))}`}`) },
    ]),
  );
}

/** As this host is configured. Limits of topdirs once for each. */
function configuredRows(config: Config): Row[] {
  const places = (key: LimitKey): Where[] => {
    const { scopes } = LIMITS[key];
    if (scopes.includes('topdir')) return config.topdirs.map(({ path }) => ({ topdir: path }));
    return scopes.includes('lts') ? [{}, ...config.lts.map(({ name }) => ({ lts: name }))] : [{}];
  };
  return LIMIT_KEYS.flatMap((key) =>
    places(key).map(({ topdir = null, lts = null }) => {
      const value = showLimit(key, configuredLimit(config, key, { ...(topdir === null ? {} : { topdir }), ...(lts === null ? {} : { lts }) }));
      return { key, value, source: 'config' as const, host: null, topdir, lts, until: null, setAt: null, user: null };
    }),
  );
}

function setRow({ key, value, host, topdir, lts, until, setAt, user }: SetLimit): Row {
  return { key, value, source: 'set', host, topdir, lts, until: until === null ? null : new Date(until).toISOString(), setAt: new Date(setAt).toISOString(), user };
}
