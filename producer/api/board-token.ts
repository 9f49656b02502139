import { randomBytes } from 'node:crypto';
import { access, link, mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { BwError, toBwError } from '../../shared/errors/bw-error.js';

export interface BoardToken {
  readonly token: string;
  readonly file: string;
}

/** 256 bits: not to be guessed, so no counting of failed attempts is needed. */
const TOKEN_BYTES = 32;
/** What an operator's own token must have at least; shorter ones can be tried out. */
const MIN_CHARACTERS = 32;
const PRINTABLE = /^[\x21-\x7e]+$/;
/** Permissions of group and others. */
const OTHERS = 0o077;

/**
 * The token of the board: from the configured file, or from `stateDir`/http.token, which is made (mode 0600)
 * when it is not there. Throws BOARD_TOKEN_UNREADABLE, BOARD_TOKEN_EXPOSED, BOARD_TOKEN_WEAK (all operator).
 */
export async function loadOrCreateToken(from: { readonly tokenFile: string | null; readonly stateDir: string }): Promise<BoardToken> {
  if (from.tokenFile !== null) return readToken(from.tokenFile);
  const file = join(from.stateDir, 'http.token');
  if (!(await isThere(file))) {
    await createToken(from.stateDir, file).catch((thrown: unknown) => {
      throw unreadable(file, thrown);
    });
  }
  return readToken(file);
}

/** False only when it surely is not; every other doubt is told when it is read. */
async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    (thrown: unknown) => (thrown as NodeJS.ErrnoException).code !== 'ENOENT',
  );
}

/** Complete under its name or not there; the first of two processes wins and both then read the same. */
async function createToken(stateDir: string, file: string): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomBytes(TOKEN_BYTES).toString('hex')}\n`);
    await handle.sync();
    await link(draft, file).catch(unlessExists);
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
}

async function readToken(file: string): Promise<BoardToken> {
  const handle = await open(file, 'r').catch((thrown: unknown) => {
    throw unreadable(file, thrown);
  });
  try {
    await refuseExposed(handle, file);
    const token = (await handle.readFile('utf8')).trim();
    if (token.length < MIN_CHARACTERS || !PRINTABLE.test(token)) throw weak(file);
    return { token, file };
  } finally {
    await handle.close();
  }
}

async function refuseExposed(handle: FileHandle, file: string): Promise<void> {
  const { mode } = await handle.stat();
  if ((mode & OTHERS) === 0) return;
  throw new BwError('BOARD_TOKEN_EXPOSED', {
    message: `the token file can be read by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
    subject: file,
    retry: 'operator',
    hint: `Run \`chmod 600 ${file}\`, and replace the token if others may have read it.`,
  });
}

function unlessExists(thrown: unknown): void {
  if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
}

function unreadable(file: string, cause: unknown): BwError {
  return new BwError('BOARD_TOKEN_UNREADABLE', {
    message: `the token of the board cannot be read or made: ${toBwError(cause).message}`,
    subject: file,
    retry: 'operator',
    hint: 'Correct http.tokenFile and its permissions, or leave it out to have a token made in state.dir.',
    cause,
  });
}

function weak(file: string): BwError {
  return new BwError('BOARD_TOKEN_WEAK', {
    message: `the token is shorter than ${MIN_CHARACTERS} printable characters or holds blanks`,
    subject: file,
    retry: 'operator',
    hint: `Make one: (umask 077; head -c ${TOKEN_BYTES} /dev/urandom | od -An -tx1 | tr -d ' \\n' > ${file})`,
  });
}
