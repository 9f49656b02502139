import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadOrCreateToken } from '../../../producer/api/index.js';
import { workspace } from '../../helpers/workspace.js';

const GOOD = 'a'.repeat(64);

test('a token is made once: 32 random bytes, mode 0600, nothing beside it', async () => {
  const stateDir = join(await workspace(), 'state');
  const { token, file } = await loadOrCreateToken({ tokenFile: null, stateDir });
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await stat(stateDir)).mode & 0o777).toBe(0o700);
  expect(await readdir(stateDir)).toEqual(['http.token']);
  expect(await loadOrCreateToken({ tokenFile: null, stateDir })).toEqual({ token, file });
  const other = await loadOrCreateToken({ tokenFile: null, stateDir: join(await workspace(), 'state') });
  expect(other.token).not.toBe(token);
});

test('processes that start together agree on one token', async () => {
  const stateDir = await workspace();
  const made = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateToken({ tokenFile: null, stateDir })));
  expect(new Set(made.map(({ token }) => token)).size).toBe(1);
  expect(await readdir(stateDir)).toEqual(['http.token']);
});

test('a configured file is read and never written', async () => {
  const tokenFile = join(await workspace(), 'board.token');
  await writeFile(tokenFile, `${GOOD}\n`, { mode: 0o400 });
  expect(await loadOrCreateToken({ tokenFile, stateDir: '/nonexistent' })).toEqual({ token: GOOD, file: tokenFile });
  expect(await readFile(tokenFile, 'utf8')).toBe(`${GOOD}\n`);
});

test.each([0o640, 0o604, 0o620])('a token file of mode %o is refused', async (mode) => {
  const tokenFile = join(await workspace(), 'board.token');
  await writeFile(tokenFile, GOOD);
  await chmod(tokenFile, mode);
  const loading = loadOrCreateToken({ tokenFile, stateDir: '/nonexistent' });
  await expect(loading).rejects.toMatchObject({ code: 'BOARD_TOKEN_EXPOSED', retry: 'operator', subject: tokenFile });
  await expect(loading).rejects.not.toThrow(GOOD);
});

test('also the token we made is refused once others can read it', async () => {
  const stateDir = await workspace();
  const { file } = await loadOrCreateToken({ tokenFile: null, stateDir });
  await chmod(file, 0o644);
  await expect(loadOrCreateToken({ tokenFile: null, stateDir })).rejects.toMatchObject({ code: 'BOARD_TOKEN_EXPOSED' });
});

test.each([['short', 'abc'], ['empty', ''], ['with blanks', `${GOOD} ${GOOD}`]])('a token that is %s is refused', async (_, text) => {
  const tokenFile = join(await workspace(), 'board.token');
  await writeFile(tokenFile, text, { mode: 0o600 });
  await expect(loadOrCreateToken({ tokenFile, stateDir: '/nonexistent' })).rejects.toMatchObject({ code: 'BOARD_TOKEN_WEAK' });
});

test('a configured file that is missing is named, not made', async () => {
  const tokenFile = join(await workspace(), 'board.token');
  const loading = loadOrCreateToken({ tokenFile, stateDir: '/nonexistent' });
  await expect(loading).rejects.toMatchObject({ code: 'BOARD_TOKEN_UNREADABLE', subject: tokenFile });
});

test('a state directory that cannot be made is named', async () => {
  const dir = await workspace();
  await mkdir(join(dir, 'sub'));
  await writeFile(join(dir, 'sub', 'state'), '');
  const loading = loadOrCreateToken({ tokenFile: null, stateDir: join(dir, 'sub', 'state', 'below') });
  await expect(loading).rejects.toMatchObject({ code: 'BOARD_TOKEN_UNREADABLE', retry: 'operator' });
});
