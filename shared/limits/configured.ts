import type { Config } from '../config/config.js';
import type { LimitKey, LimitValues } from './keys.js';
import { resolveLimit, type SetLimit, type Where } from './resolve.js';

/** What the configuration says about a limit (pure). Of a topdir or LTS it does not name: nothing. */
export function configuredLimit<K extends LimitKey>(config: Config, key: K, { topdir, lts }: Where): LimitValues[K] {
  const { politeness, scan } = config.topdirs.find(({ path }) => path === topdir) ?? {};
  const values: LimitValues = {
    bandwidth: lts === undefined ? config.worker.bandwidthBytesPerSecond : (config.lts.find(({ name }) => name === lts)?.bandwidthBytesPerSecond ?? null),
    concurrency: politeness?.concurrency ?? null,
    'scan.concurrency': scan?.concurrency ?? null,
    'windows.fulls': politeness?.windows.fulls ?? null,
    statLatency: politeness?.statLatencyMs ?? null,
    statFactor: politeness?.statFactor ?? null,
    nice: config.worker.nice,
    ioClass: config.worker.ioClass,
  };
  return values[key];
}

/** A limit as it is in force. */
export function limitInForce<K extends LimitKey>(config: Config, set: readonly SetLimit[], key: K, where: Where, nowMs: number): LimitValues[K] {
  return resolveLimit(key, { host: config.host, ...where }, configuredLimit(config, key, where), set, nowMs);
}
