import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { run } from '../process/index.js';
import { darCommand } from './command.js';

export type CompressionAlgorithm = 'gzip' | 'bzip2' | 'lzo' | 'xz' | 'zstd' | 'lz4';

/** What the installed dar can do, as it says itself (`dar -V`). */
export interface DarCapabilities {
  readonly version: string;
  readonly libdar: string;
  readonly compression: readonly CompressionAlgorithm[];
  readonly encryption: boolean;
  readonly publicKeys: boolean;
  readonly extendedAttributes: boolean;
  readonly largeFiles: boolean;
  /** `64` or `32` bits, or `infinint` (slower, needs more memory). */
  readonly integerSize: string;
  readonly threads: boolean;
  readonly delta: boolean;
  readonly furtiveRead: boolean;
}

/**
 * 2.7.0 brought zstd, lz4 and archive format 11, and the XML listing in the form we parse; everything measured
 * was measured with 2.7.8.
 */
const OLDEST = [2, 7, 0] as const;

const ALGORITHMS = ['gzip', 'bzip2', 'lzo', 'xz', 'zstd', 'lz4'] as const;

/** Ciphers of dar but its scrambling, which is none. */
const CIPHERS = ['aes', 'aes256', 'blowfish', 'bf', 'twofish', 'twofish256', 'serpent', 'serpent256', 'camellia', 'camellia256'];

/** Asks the installed dar. Throws DAR_MISSING, DAR_TOO_OLD, DAR_UNRECOGNISED. */
export async function probeDar(): Promise<DarCapabilities> {
  const capabilities = parseDarVersion(await darVersion());
  if (isOlder(capabilities.version)) throw tooOld(capabilities.version);
  return capabilities;
}

async function darVersion(): Promise<string> {
  try {
    const { stdout, stderr } = await run(darCommand(['-V']));
    return `${stdout.toString('utf8')}\n${stderr}`;
  } catch (error) {
    if (error instanceof BwError && error.code === 'PROGRAM_NOT_FOUND') throw missing(error);
    throw error;
  }
}

/** Throws DAR_UNRECOGNISED where there is no version in the text. */
export function parseDarVersion(text: string): DarCapabilities {
  const version = /dar version (\d+\.\d+\.\d+\S*),/.exec(text)?.[1];
  const libdar = /Using libdar (\d+\.\d+\.\d+)/.exec(text)?.[1];
  if (version === undefined || libdar === undefined) throw unrecognised(text);
  const field = (label: string): string => new RegExp(`^\\s*${label}[^:]*:\\s*(\\S+)`, 'm').exec(text)?.[1] ?? 'NO';
  const has = (label: string): boolean => field(label) === 'YES';
  return {
    version,
    libdar,
    compression: ALGORITHMS.filter((name) => has(`${name} compression`)),
    encryption: has('Strong encryption'),
    publicKeys: has('Public key ciphers'),
    extendedAttributes: has('Extended Attributes support'),
    largeFiles: has('Large files support'),
    integerSize: field('Integer size used'),
    threads: has('Multiple threads'),
    delta: has('Delta compression'),
    furtiveRead: has('Furtive read mode support'),
  };
}

/** Checks a policy against the installed dar. Throws DAR_LACKS_COMPRESSION, DAR_LACKS_ENCRYPTION, DAR_LACKS_XATTRS. */
export function assertDarSupports(capabilities: DarCapabilities, dar: DarConfig): void {
  for (const key of ['compression', 'catalogueCompression'] as const) {
    const algorithm = dar[key].split(':')[0] ?? '';
    if (algorithm === 'none' || (capabilities.compression as readonly string[]).includes(algorithm)) continue;
    throw lacks('COMPRESSION', `dar.${key} ${dar[key]}`, `It has: none, ${capabilities.compression.join(', ')}.`, capabilities);
  }
  if (dar.encryption !== null && !(capabilities.encryption && CIPHERS.includes(dar.encryption.cipher))) {
    const known = capabilities.encryption ? CIPHERS.join(', ') : 'no cipher';
    throw lacks('ENCRYPTION', `cipher ${dar.encryption.cipher}`, `It has: ${known}.`, capabilities);
  }
  if (!capabilities.extendedAttributes || !capabilities.largeFiles) {
    throw lacks('XATTRS', 'extended attributes or large files', 'Without them ACLs, or files above 2 GB, would not be saved.', capabilities);
  }
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10));
  const differing = OLDEST.findIndex((oldest, i) => parts[i] !== oldest);
  return differing >= 0 && (parts[differing] ?? 0) < (OLDEST[differing] ?? 0);
}

function missing(cause: BwError): BwError {
  return new BwError('DAR_MISSING', {
    message: 'dar is not installed, or not on the PATH of this service',
    retry: 'operator',
    hint: 'Run deploy/setup.sh, or: apt-get install dar',
    cause,
    ...(cause.detail === undefined ? {} : { detail: cause.detail }),
  });
}

function tooOld(version: string): BwError {
  return new BwError('DAR_TOO_OLD', {
    message: `dar ${version} is too old: ${OLDEST.join('.')} or newer is needed`,
    retry: 'operator',
    hint: 'Install a newer dar (deploy/setup.sh says how) and start the worker again.',
  });
}

function unrecognised(text: string): BwError {
  return new BwError('DAR_UNRECOGNISED', {
    message: 'dar -V printed something that is not its version',
    retry: 'operator',
    hint: 'Check which dar is first on PATH.',
    detail: text.slice(0, 2000),
  });
}

function lacks(what: 'COMPRESSION' | 'ENCRYPTION' | 'XATTRS', wanted: string, known: string, capabilities: DarCapabilities): BwError {
  return new BwError(`DAR_LACKS_${what}`, {
    message: `dar ${capabilities.version} of this host cannot do ${wanted}. ${known}`,
    retry: 'operator',
    hint: 'Change the dar section of the policy, or install a dar that was built with it.',
  });
}
