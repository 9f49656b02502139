import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeFile } from '../files/remove-file.js';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';

/**
 * Arguments that must not stand in argv: passphrases (ps shows argv), and path lists longer than the kernel
 * takes. dar reads them from a configuration file (DCF, option -B), which carries any byte but NUL.
 */
export type HiddenArg = string | Buffer;

/**
 * A word of a DCF. Besides the quotes, blanks other than the space end words or lines even inside quotes, and `#` as
 * first character of a line makes it a comment there too, so all of them are escaped (tried with dar 2.7.8).
 */
export function quoteDcf(word: HiddenArg): Buffer {
  const text = typeof word === 'string' ? Buffer.from(word, 'utf8').toString('latin1') : word.toString('latin1');
  if (text.includes('\0')) throw invalidWord();
  return Buffer.from(`"${text.replace(/["'`\\\n\r\t#]/g, '\\$&')}"`, 'latin1');
}

/**
 * Runs `use` with the dar arguments that read `words` from a private file (0600), which is removed afterwards.
 * No words, no file. What a killed process leaves behind goes with the directory.
 */
export async function withHiddenArgs<T>(secretsDir: string, words: readonly HiddenArg[], use: (args: readonly string[]) => Promise<T>): Promise<T> {
  if (words.length === 0) return use([]);
  const file = await writeHiddenArgs(secretsDir, words);
  try {
    return await use(['-B', file]);
  } finally {
    await removeFile(file);
  }
}

/** Writes `words` to a private file of `secretsDir`; the caller removes it when dar has ended. */
export async function writeHiddenArgs(secretsDir: string, words: readonly HiddenArg[]): Promise<string> {
  const file = join(secretsDir, `dar-${randomBytes(8).toString('hex')}.dcf`);
  const lines = words.flatMap((word) => [quoteDcf(word), Buffer.from('\n')]);
  await writeFile(file, Buffer.concat(lines), { mode: 0o600, flag: 'wx' });
  return file;
}

/** -K: the archive that is written or read; -J: the one given by -A; -$: the catalogue made on the fly. */
export type KeyOption = '-K' | '-J' | '-$';

/** `-K cipher:passphrase` and the like; nothing without encryption. Throws DAR_KEY_UNUSABLE. */
export async function keyArgs(encryption: DarConfig['encryption'], options: readonly KeyOption[]): Promise<HiddenArg[]> {
  if (encryption === null) return [];
  const passphrase = await readPassphrase(encryption.keyFile);
  const key = Buffer.concat([Buffer.from(`${encryption.cipher}:`), passphrase]);
  return options.flatMap((option) => [option, key]);
}

/** The file's bytes without one newline at the end. */
async function readPassphrase(file: string): Promise<Buffer> {
  const { bytes, mode } = await readKeyFile(file);
  if ((mode & 0o077) !== 0) throw unusableKey(file, `its mode is 0${(mode & 0o777).toString(8)}: others can read it`);
  const passphrase = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
  if (passphrase.length === 0) throw unusableKey(file, 'it is empty');
  if (passphrase.includes(0)) throw unusableKey(file, 'it holds a NUL byte');
  return passphrase;
}

async function readKeyFile(file: string): Promise<{ bytes: Buffer; mode: number }> {
  try {
    return { bytes: await readFile(file), mode: (await stat(file)).mode };
  } catch (error) {
    throw unusableKey(file, (error as Error).message, error);
  }
}

function unusableKey(file: string, why: string, cause?: unknown): BwError {
  return new BwError('DAR_KEY_UNUSABLE', {
    message: `The encryption key file cannot be used: ${why}`,
    retry: 'operator',
    hint: 'dar.encryption.keyFile must be a file of mode 0600 that holds the passphrase in its only line.',
    subject: file,
    ...(cause === undefined ? {} : { cause }),
  });
}

function invalidWord(): BwError {
  return new BwError('ARGUMENT_INVALID', {
    message: 'An argument of dar holds a NUL byte',
    retry: 'permanent',
    hint: 'This is a fault in bw-bkup: report it with the log.',
  });
}
