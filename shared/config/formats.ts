import { isIP } from 'node:net';
import { normalize } from 'node:path';
import { parseWindow, type Window } from '../limits/windows.js';
import { checkCron } from './cron.js';
import { parseSentinelUrl } from './sentinel-url.js';
import { DURATION_ACCEPTS, FormatError, parseDuration, parseRate, parseSize, RATE_ACCEPTS, SIZE_ACCEPTS } from './units.js';

/** Bounds a schema leaf may add to its format. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** How a raw value (YAML, environment or flag text) becomes a typed one. `parse` throws FormatError. */
export interface Format<T> {
  readonly accepts: string;
  parse(raw: unknown, bounds: Bounds): T;
}

/** Staging budget: bytes, or a share of the filesystem that is known only on the host. */
export type Budget = { readonly bytes: number } | { readonly share: number };

/** When an event comes: at the start of each day or hour, so long after the last one, or by a cron pattern. */
export type Moment =
  | { readonly kind: 'startOfDay' | 'startOfHour' }
  | { readonly kind: 'every'; readonly ms: number }
  | { readonly kind: 'cron'; readonly pattern: string };

const MOMENT_ACCEPTS = `startOfDay, startOfHour, ${DURATION_ACCEPTS}, or a cron pattern such as "30 20 * * 1-5"`;
const CLOCK_ACCEPTS = 'a time of day from 00:00 to 23:59, in quotes';
const TIMEZONE_ACCEPTS = 'a time zone such as UTC or Europe/Berlin';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NAME_ACCEPTS = '1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit';
const BUDGET_ACCEPTS = `a share of the filesystem such as 80%, or ${SIZE_ACCEPTS}`;
const COMPRESSION_ACCEPTS = 'none, or gzip, bzip2, lzo, xz, lz4 (level 1 to 9) or zstd (level 1 to 22), such as zstd:1';
const REDIS_ACCEPTS =
  'redis://[USER:PASSWORD@]HOST[:PORT][/DB], redis+sentinel://[USER:PASSWORD@]HOST[:PORT],.../NAME[/DB] (Sentinels of the master NAME), the same with rediss (TLS), or the absolute path of a unix socket';

/** Levels as dar 2.7.8 takes them: beyond 9 (zstd 22) it ends with rc 1 or 5. */
const MAX_LEVEL: Readonly<Record<string, number>> = { gzip: 9, bzip2: 9, lzo: 9, xz: 9, lz4: 9, zstd: 22 };

function text(raw: unknown, accepts: string): string {
  if (typeof raw === 'string' && raw !== '' && !/[\0\n\r]/.test(raw)) return raw;
  throw new FormatError(typeof raw === 'number' || typeof raw === 'boolean' ? 'is not text (quote it)' : 'is not one line of text', accepts);
}

function integer(raw: unknown, bounds: Bounds, accepts: string): number {
  const value = typeof raw === 'string' && /^\d+$/.test(raw.trim()) ? Number(raw.trim()) : raw;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new FormatError('is not a whole number', accepts);
  return within(value, bounds);
}

function within(value: number, { min = 0, max = Number.MAX_SAFE_INTEGER }: Bounds): number {
  if (value < min) throw new FormatError('is too small', `${min} or more`);
  if (value > max) throw new FormatError('is too large', `${max} or less`);
  return value;
}

function matching(pattern: RegExp, problem: string, accepts: string): Format<string> {
  return {
    accepts,
    parse: (raw) => {
      const value = text(raw, accepts);
      if (!pattern.test(value)) throw new FormatError(problem, accepts);
      return value;
    },
  };
}

function oneOf<const T extends readonly string[]>(choices: T): Format<T[number]> {
  const accepts = `one of ${choices.join(', ')}`;
  return {
    accepts,
    parse: (raw) => {
      const found = choices.find((choice) => choice === raw);
      if (found === undefined) throw new FormatError('is not known', accepts);
      return found;
    },
  };
}

/** Lists come as YAML sequences; from environment and flags as JSON (`["a","b"]`) or separated by commas. */
function list(item: Format<string>): Format<readonly string[]> {
  const accepts = `a list of: ${item.accepts} (environment and flags: a,b or ["a","b"])`;
  return {
    accepts,
    parse: (raw, bounds) => listItems(raw, accepts).map((entry) => item.parse(entry, bounds)),
  };
}

function listItems(raw: unknown, accepts: string): unknown[] {
  if (Array.isArray(raw)) return raw;
  if (typeof raw !== 'string') throw new FormatError('is not a list', accepts);
  if (!raw.trimStart().startsWith('[')) return raw.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
  try {
    const parsed: unknown = JSON.parse(raw);
    if (Array.isArray(parsed)) return parsed;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  throw new FormatError('is not a JSON list', accepts);
}

const absolutePath: Format<string> = {
  accepts: 'an absolute path',
  parse: (raw) => {
    const path = text(raw, 'an absolute path');
    if (!path.startsWith('/')) throw new FormatError('is not an absolute path', 'an absolute path, beginning with /');
    return normalize(path).replace(/(.)\/+$/, '$1');
  },
};

const relativePath: Format<string> = {
  accepts: 'a path below the directory, without leading / and without ..',
  parse: (raw) => {
    const path = text(raw, relativePath.accepts);
    if (path.startsWith('/') || path.split('/').includes('..')) throw new FormatError('leaves the directory', relativePath.accepts);
    return path;
  },
};

const pattern: Format<string> = {
  accepts: 'glob patterns: without / for any name (*.tmp), with / for a path below the basepath (cache/thumbnails)',
  parse: (raw) => {
    const glob = text(raw, pattern.accepts);
    if (glob.startsWith('/')) throw new FormatError('begins with / and would never match', pattern.accepts);
    return glob;
  },
};

const compression: Format<string> = {
  accepts: COMPRESSION_ACCEPTS,
  parse: (raw) => {
    const value = text(raw, COMPRESSION_ACCEPTS);
    if (value === 'none') return value;
    const [, algorithm = '', level] = /^([a-z0-9]+)(?::(\d+))?$/.exec(value) ?? [];
    const highest = Object.hasOwn(MAX_LEVEL, algorithm) ? MAX_LEVEL[algorithm] : undefined;
    if (highest === undefined) throw new FormatError('is not a compression dar has', COMPRESSION_ACCEPTS);
    if (level !== undefined && (Number(level) < 1 || Number(level) > highest)) throw new FormatError('has a level dar refuses', COMPRESSION_ACCEPTS);
    return value;
  },
};

const budget: Format<Budget> = {
  accepts: BUDGET_ACCEPTS,
  parse: (raw) => {
    const percent = typeof raw === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(raw.trim())?.[1] : undefined;
    if (percent === undefined) return { bytes: sizeOr(raw, BUDGET_ACCEPTS) };
    const share = Number(percent) / 100;
    if (share <= 0 || share > 1) throw new FormatError('is not a share', 'more than 0% and at most 100%');
    return { share };
  },
};

const SHARE_ACCEPTS = 'a share from 0% to 100%, such as 50%';

const share: Format<number> = {
  accepts: SHARE_ACCEPTS,
  parse: (raw) => {
    const percent = typeof raw === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(raw.trim())?.[1] : undefined;
    if (percent === undefined || Number(percent) > 100) throw new FormatError('is not a share', SHARE_ACCEPTS);
    return Number(percent) / 100;
  },
};

function sizeOr(raw: unknown, accepts: string): number {
  try {
    return parseSize(raw);
  } catch (thrown) {
    if (!(thrown instanceof FormatError)) throw thrown;
    throw new FormatError(thrown.problem, accepts);
  }
}

const redisUrl: Format<string> = {
  accepts: REDIS_ACCEPTS,
  parse: (raw) => {
    const value = text(raw, REDIS_ACCEPTS);
    if (value.startsWith('/') || parseSentinelUrl(value) !== null) return value;
    const url = URL.canParse(value) ? new URL(value) : null;
    if (url === null || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') throw new FormatError('is not a Redis URL', REDIS_ACCEPTS);
    return value;
  },
};

const address: Format<string> = {
  accepts: 'an IP address or a host name, such as 127.0.0.1, :: or localhost',
  parse: (raw) => {
    const value = text(raw, address.accepts);
    if (isIP(value) === 0 && !/^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value)) {
      throw new FormatError('is not an address', address.accepts);
    }
    return value;
  },
};

const command: Format<readonly string[]> = {
  accepts: 'a list of an absolute program path and its arguments',
  parse: (raw) => {
    const words = listItems(raw, command.accepts);
    const [program, ...args] = words.map((word) => text(word, command.accepts));
    if (program?.startsWith('/') !== true) throw new FormatError('does not begin with the absolute path of a program', command.accepts);
    return [program, ...args];
  },
};

const boolean: Format<boolean> = {
  accepts: 'true or false',
  parse: (raw) => {
    if (raw === true || raw === 'true') return true;
    if (raw === false || raw === 'false') return false;
    throw new FormatError('is not true or false', 'true or false');
  },
};

const moment: Format<Moment> = {
  accepts: MOMENT_ACCEPTS,
  parse: (raw) => {
    const value = text(raw, MOMENT_ACCEPTS).trim();
    if (value === 'startOfDay' || value === 'startOfHour') return { kind: value };
    if (value.split(/\s+/).length < 5 && !value.startsWith('@')) return { kind: 'every', ms: everyMs(value) };
    if (!checkCron(value)) throw new FormatError('is not a cron pattern', MOMENT_ACCEPTS);
    return { kind: 'cron', pattern: value };
  },
};

/** Below a second the producer would do nothing else. */
const LEAST_EVERY_MS = 1_000;

function everyMs(value: string): number {
  try {
    const ms = parseDuration(value);
    if (ms >= LEAST_EVERY_MS) return ms;
  } catch (thrown) {
    if (!(thrown instanceof FormatError)) throw thrown;
    throw new FormatError('is not a moment', MOMENT_ACCEPTS);
  }
  throw new FormatError('is too small', '1s or more');
}

/** Minutes after midnight. YAML 1.1 tools read 20:30 without quotes as a number. */
const clock: Format<number> = {
  accepts: CLOCK_ACCEPTS,
  parse: (raw) => {
    const [, hours = '', minutes = ''] = /^(\d{1,2}):(\d{2})$/.exec(text(raw, CLOCK_ACCEPTS)) ?? [];
    if (hours === '' || Number(hours) > 23 || Number(minutes) > 59) throw new FormatError('is not a time of day', CLOCK_ACCEPTS);
    return Number(hours) * 60 + Number(minutes);
  },
};

const timezone: Format<string> = {
  accepts: TIMEZONE_ACCEPTS,
  parse: (raw) => {
    const value = text(raw, TIMEZONE_ACCEPTS);
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone;
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      throw new FormatError('is not a time zone', TIMEZONE_ACCEPTS);
    }
  },
};

const WINDOWS_ACCEPTS = 'a list of times of day such as 18:00-08:00 (to 24:00), in quotes';

const windows: Format<readonly Window[]> = {
  accepts: WINDOWS_ACCEPTS,
  parse: (raw) =>
    listItems(raw, WINDOWS_ACCEPTS).map((entry) => {
      const window = parseWindow(text(entry, WINDOWS_ACCEPTS));
      if (window === null) throw new FormatError('is not a time of day from one clock time to another', WINDOWS_ACCEPTS);
      return window;
    }),
};

const GRIDFTP_ACCEPTS = 'gsiftp://HOST[:PORT] (certificates, port 2811) or ftp://HOST[:PORT] (port 21)';
/** Neither a login, which would be seen, nor a path, which is `dir`. */
const gridftpUrl = matching(/^(?:gsiftp|ftp):\/\/[A-Za-z0-9.-]+(?::\d{1,5})?\/?$/, 'is not the URL of a GridFTP server', GRIDFTP_ACCEPTS);

const UUID_ACCEPTS = 'a UUID such as 3f1e8a54-0d3c-4c4e-9a53-6d5c1b7f2a90';
const uuid = matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'is not a UUID', UUID_ACCEPTS);

/** A token must not travel in the clear. */
const serviceUrl: Format<string> = {
  accepts: 'an https:// address (http:// only on this host)',
  parse: (raw) => {
    const value = text(raw, serviceUrl.accepts);
    const url = URL.canParse(value) ? new URL(value) : null;
    const isHere = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
    if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isHere))) throw new FormatError('is not a safe address of a service', serviceUrl.accepts);
    return value;
  },
};

/** Where a Globus collection shows a directory; host null = of every host that has no entry of its own for it. */
export interface GlobusSource {
  readonly host: string | null;
  readonly dir: string;
  readonly collection: string;
  readonly path: string;
}

const GLOBUS_SOURCES_ACCEPTS = 'a list of {host, dir, collection, path}; host may be left away to mean all';

const globusSources: Format<readonly GlobusSource[]> = {
  accepts: GLOBUS_SOURCES_ACCEPTS,
  parse: (raw) =>
    listItems(raw, GLOBUS_SOURCES_ACCEPTS).map((entry) => {
      if (typeof entry !== 'object' || entry === null) throw new FormatError('has an entry that is no map', GLOBUS_SOURCES_ACCEPTS);
      const { host, dir, collection, path, ...other } = entry as Record<string, unknown>;
      const [unknown] = Object.keys(other);
      if (unknown !== undefined) throw new FormatError(`has an entry with "${unknown}"`, GLOBUS_SOURCES_ACCEPTS);
      return { host: host === undefined ? null : text(host, GLOBUS_SOURCES_ACCEPTS), dir: absolutePath.parse(dir, {}), collection: uuid.parse(collection, {}), path: absolutePath.parse(path, {}) };
    }),
};

const line: Format<string> = { accepts: 'one line of text', parse: (raw) => text(raw, 'one line of text') };

/** Every format a schema leaf can have. */
export const formats = {
  absolutePath,
  address,
  backend: oneOf(['posix', 'rclone', 'gridftp', 'globus']),
  boolean,
  budget,
  // dar knows blowfish and scrambling too: a 64-bit block cipher and no cipher at all.
  cipher: oneOf(['aes256', 'twofish256', 'serpent256', 'camellia256']),
  clock,
  command,
  compression,
  count: { accepts: 'a whole number', parse: (raw, bounds) => integer(raw, bounds, 'a whole number') } as Format<number>,
  duration: { accepts: DURATION_ACCEPTS, parse: (raw) => parseDuration(raw) } as Format<number>,
  globusSources,
  gridftpUrl,
  ioClass: matching(/^(idle|best-effort:[0-7])$/, 'is not an I/O class', 'idle, or best-effort:0 (first) to best-effort:7'),
  gate: oneOf(['none', 'fulls-started', 'fulls-done']),
  line,
  level: oneOf(['incremental', 'differential']),
  logFormat: oneOf(['auto', 'json', 'pretty']),
  verifyLevel: oneOf(['manifest', 'hash', 'dar', 'restore']),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
  moment,
  name: matching(NAME, 'is not a safe name', NAME_ACCEPTS),
  pathList: list(absolutePath),
  share,
  patternList: list(pattern),
  port: { accepts: 'a port, 0 (any free one) to 65535', parse: (raw) => integer(raw, { min: 0, max: 65_535 }, 'a port, 0 (any free one) to 65535') } as Format<number>,
  rate: { accepts: RATE_ACCEPTS, parse: (raw) => parseRate(raw) } as Format<number>,
  redisUrl,
  relativePath,
  serviceUrl,
  size: { accepts: SIZE_ACCEPTS, parse: (raw, bounds) => sizeWithin(raw, bounds) } as Format<number>,
  textList: list(line),
  timezone,
  uuid,
  windows,
} as const;

function sizeWithin(raw: unknown, { min = 0 }: Bounds): number {
  const bytes = parseSize(raw);
  if (bytes < min) throw new FormatError('is too small', `${min} bytes or more`);
  return bytes;
}

export type FormatName = keyof typeof formats;
export type FormatValue<F extends FormatName> = ReturnType<(typeof formats)[F]['parse']>;
