import type { Redis } from 'ioredis';
import { loadConfig } from '../../../shared/config/load-config.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { createBackends } from '../../../shared/transfer/create-backend.js';
import { paintFor, type Paint, type Tone } from '../../../shared/terminal/index.js';
import { configRequest } from '../config/config-options.js';
import { plural, print, printJson } from '../print.js';
import { usage, type CommonOptions } from '../site.js';
import { carryOut } from './carry-out.js';
import { clockChecks, hostChecks, ltsChecks, openRedis } from './checks.js';
import { AREAS, type CheckResult } from './finding.js';
import { doctorOutput } from './outputs.js';

/**
 * `bw-bkup doctor [LTS]`: whether everything that backups need works on this host, with a tiny round trip to every LTS; with a name only that. Changes nothing, and
 * needs no worker. Exit 0 when all is well or only warned of, 1 when something fails, 2 when the configuration is wrong.
 */
export async function doctorCommand(name: string | undefined, options: CommonOptions): Promise<number> {
  const { config, sources } = await loadConfig({ ...configRequest(options, process.env), filesystem: 'skip' });
  const backends = createBackends(config).filter((backend) => name === undefined || backend.name === name);
  if (backends.length === 0) throw usage(`no long-term storage is named ${name ?? ''}`, `Configured: ${config.lts.map((lts) => lts.name).join(', ')}.`);
  const redis = name === undefined ? openRedis(config) : Promise.resolve(null);
  redis.catch(() => undefined); // the checks that need it tell
  const ofHost = name === undefined ? hostChecks(config, sources, redis) : [];
  const clocks = name === undefined ? otherClocks(config, redis) : Promise.resolve([]);
  const results = await Promise.all([...ofHost, ...ltsChecks(config, backends)].map((check) => carryOut(check)));
  results.push(...(await clocks));
  (await redis.catch(() => null))?.disconnect();
  return report(config.host, inOrder(results), options);
}

/** What Redis cannot tell is told by the check of Redis. */
async function otherClocks(config: Parameters<typeof clockChecks>[0], redis: Promise<Redis | null>): Promise<CheckResult[]> {
  const checks = await redis.then((connection) => clockChecks(config, connection)).catch(() => []);
  return Promise.all(checks.map((check) => carryOut(check)));
}

function inOrder(results: readonly CheckResult[]): CheckResult[] {
  return AREAS.flatMap((area) => results.filter((result) => result.area === area));
}

function report(host: string, checks: readonly CheckResult[], options: CommonOptions): number {
  const failures = checks.filter(({ state }) => state === 'fail').length;
  const warnings = checks.filter(({ state }) => state === 'warn').length;
  if (options.json === true) printJson(doctorOutput, { v: 1, host, checks: [...checks], warnings, failures });
  else print(describe(host, checks, paintFor(process.stdout.isTTY, process.env)));
  return failures === 0 ? EXIT.ok : EXIT.failed;
}

const TONES: Readonly<Record<CheckResult['state'], Tone>> = { ok: 'good', warn: 'warning', fail: 'bad' };

/** For people: a line for each check, what to do below it, a sum (pure). */
export function describe(host: string, checks: readonly CheckResult[], paint: Paint): string {
  const lines = checks.flatMap(({ area, subject, state, message, hint }) => [
    `${paint(TONES[state], state.padEnd(4))}  ${area}${area === 'dar' ? '' : ` ${subject}`}: ${message}`,
    ...(hint === null ? [] : [`      -> ${hint}`]),
  ]);
  const count = (state: CheckResult['state']): number => checks.filter((check) => check.state === state).length;
  const bad = [...(count('fail') > 0 ? [plural(count('fail'), 'failure')] : []), ...(count('warn') > 0 ? [plural(count('warn'), 'warning')] : [])];
  return `${[...lines, `${host}: ${plural(checks.length, 'check')}, ${bad.length === 0 ? 'all well' : bad.join(', ')}`].join('\n')}\n`;
}
