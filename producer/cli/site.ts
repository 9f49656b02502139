import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { openCatalog, type Catalog } from '../../shared/catalog/index.js';
import { openSiteCatalog } from '../../shared/catalog/open-site-catalog.js';
import { loadConfig } from '../../shared/config/load-config.js';
import type { Config } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { createLogger, serializeError } from '../../shared/logging/index.js';
import { configRequest, type ConfigOptions } from './config/config-options.js';
import { commandLevel } from './log-level.js';

/** Options every command has. */
export interface CommonOptions extends ConfigOptions {
  readonly verbose?: boolean;
}

/** What a command that only reads sealed state needs: right also while Redis and the producer are down. */
export interface Site {
  readonly config: Config;
  readonly logger: Logger;
  readonly catalog: Catalog;
}

export interface SiteOptions {
  /**
   * Which directories must be there. `stores` for what works with them; nothing (`skip`) for what only reads the catalog or leaves the
   * work to others. Sources never: one that is lost or not mounted must not stop the others, nor a restore.
   */
  readonly directories: 'stores' | 'skip';
  /** Daemons log from logging.level on, commands of people warnings only. */
  readonly component: 'cli' | 'producer' | 'worker' | 'standalone';
}

/** Configuration, log and catalog. Throws CONFIG_INVALID, CATALOG_*. */
export async function openSite(options: CommonOptions, { directories, component }: SiteOptions): Promise<Site> {
  const { config, sources } = await loadConfig({ ...configRequest(options, process.env), filesystem: directories });
  const people = component === 'cli';
  const level = people ? commandLevel(config.logging.level, sources['logging.level']?.kind ?? 'default', options.verbose === true) : config.logging.level;
  const logger = createLogger({ level, format: config.logging.format, host: config.host, component });
  return { config, logger: people && options.verbose !== true ? briefly(logger) : logger, catalog: await openItsCatalog(config) };
}

/** Known errors as one line: with a stack they would bury what the command itself says. */
function briefly(logger: Logger): Logger {
  const brief = (thrown: unknown): unknown => {
    if (!(thrown instanceof BwError)) return serializeError(thrown);
    return `${thrown.code}: ${thrown.message}${thrown.subject === undefined ? '' : ` [${thrown.subject}]`}`;
  };
  return logger.child({}, { serializers: { err: brief, error: brief } });
}

/** A host that only looks need not have a state directory, and must not make a catalog where none is. */
async function openItsCatalog(config: Config): Promise<Catalog> {
  const ours = (await isDirectory(config.catalog.dir)) && (await isDirectory(config.state.dir));
  return ours ? openSiteCatalog(config) : openCatalog(config.catalog.dir, { create: false });
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then((info) => info.isDirectory(), () => false);
}

/** A command line that cannot be carried out. */
export function usage(message: string, hint = 'See `bw-bkup help`.'): BwError {
  return new BwError('USAGE', { message, retry: 'operator', hint });
}
