import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { BwError } from '../errors/bw-error.js';
import type { Config, TopdirConfig } from './config.js';
import { probePath, type Facts, type Probe } from './facts.js';
import { judgePlaces } from './judge-places.js';
import { budgetBytes, judgeSettings } from './judge-settings.js';
import { parseSettings, type Parsed, type Settings, type Sources } from './parse-settings.js';
import { placesOf, type Place, type Places } from './places.js';
import { ConfigError, type ConfigProblem, type Finding } from './problems.js';
import { readRedisUrl } from './redis-url.js';
import { toConfig } from './to-config.js';

/** Used where neither `--config` nor BW_CONFIG names one. */
export const DEFAULT_CONFIG_FILE = '/etc/bw-bkup/bw-bkup.yaml';

export interface LoadRequest {
  /** `--config`. */
  readonly file?: string;
  readonly env: NodeJS.ProcessEnv;
  /** Dotted keys with text (`--set dar.sliceSize=1GiB`), the strongest origin. */
  readonly flags: Readonly<Record<string, string>>;
  /**
   * Which directories are looked at; secret files always are. `stores`: not the sources, of which one that is not mounted must not stop the
   * others · `skip`: none (a share of a filesystem as staging budget is then 0). Default `check`: all.
   */
  readonly filesystem?: 'check' | 'stores' | 'skip';
  /** Name of the machine; default os.hostname(). */
  readonly hostname?: string;
  /** How directories are looked at; default the real filesystem. */
  readonly probe?: Probe;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly sources: Sources;
  /** The file that was read. */
  readonly file: string;
}

/**
 * The configuration of this host: defaults < file < `hosts.NAME` of the file < environment < flags.
 * Throws ConfigError (CONFIG_INVALID) with every problem there is, never only the first.
 */
export async function loadConfig(request: LoadRequest): Promise<LoadedConfig> {
  const file = configFile(request);
  const text = await readFile(file, 'utf8').catch((thrown: unknown) => {
    throw new ConfigError([unreadable(file, thrown)]);
  });
  const parsed = parseSettings({ text, file, env: request.env, flags: request.flags, hostname: request.hostname ?? hostname() });
  const places = placesOf(parsed.settings);
  const sources = request.filesystem === 'stores' ? [] : [...places.topdirs, ...places.snapshots];
  const directories = request.filesystem === 'skip' ? [] : [...sources, ...places.stores];
  const facts = await lookAt([...directories, ...places.secrets], request.probe ?? probePath);
  const redis = readRedisUrl(parsed.settings.site.redis, facts);
  const problems = [...parsed.problems, ...parsed.locate([...judge(parsed.settings, places, facts), ...redis.findings])];
  if (problems.length > 0) throw new ConfigError(problems);
  return { config: finish(parsed, redis.url, facts), sources: parsed.sources, file };
}

function configFile({ file, env }: LoadRequest): string {
  return resolve(file ?? (env['BW_CONFIG'] || DEFAULT_CONFIG_FILE));
}

/** Every rule on values that could be read; pure. */
export function judge(settings: Settings, places: Places, facts: Facts): Finding[] {
  return [...judgeSettings(settings, facts), ...judgePlaces(places, settings.site.restore.allowedTargets, facts)];
}

async function lookAt(places: readonly Place[], probe: Probe): Promise<Facts> {
  return new Map(await Promise.all(places.map(async ({ path, role }) => [path, await probe(path, role)] as const)));
}

function finish({ settings }: Parsed, redisUrl: string | null, facts: Facts): Config {
  return toConfig(settings, { redisUrl, stagingBudgetBytes: budgetBytes(settings, facts) });
}

function unreadable(file: string, thrown: unknown): ConfigProblem {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  const problem = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
  return { file, key: '', value: null, problem, remedy: 'Name the file with --config FILE or BW_CONFIG, or copy deploy/config/minimal.yaml there.' };
}

/** A topdir's settings, the site's merged with its own. Throws TOPDIR_UNKNOWN. */
export function effective(config: Pick<Config, 'topdirs'>, topdirPath: string): TopdirConfig {
  const found = config.topdirs.find((topdir) => topdir.path === topdirPath);
  if (found !== undefined) return found;
  throw new BwError('TOPDIR_UNKNOWN', {
    message: 'this directory is not a configured topdir',
    subject: topdirPath,
    retry: 'operator',
    hint: `Configured: ${config.topdirs.map((topdir) => topdir.path).join(', ')}.`,
  });
}
