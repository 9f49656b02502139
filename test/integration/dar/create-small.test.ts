import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createSmall, type SmallSpec } from '../../../shared/dar/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { fixture, listAll, PLAIN, shell, type Fixture } from './dar-fixture.js';

function spec(fx: Fixture): SmallSpec {
  return { base: fx.base, root: bytePath.fromText(fx.root), listFile: join(fx.dir, 'list'), dar: PLAIN, logFile: fx.logFile, catalogueBase: join(fx.dir, 'out', 'cat') };
}

async function made(fx: Fixture): Promise<void> {
  await shell(fx.root, 'mkdir d; echo one > d/one; echo two > "two <&>"');
  await writeFile(join(fx.dir, 'list'), 'd\nd/one\ntwo <&>\n');
}

it('makes, isolates and lists an archive in one go', async () => {
  const fx = await fixture();
  await made(fx);
  const { outcome, entries, beforeCode } = await createSmall(spec(fx));
  expect(outcome).toMatchObject({ exitCode: 0, meaning: 'complete', lastError: null });
  expect(beforeCode).toBe(0);
  expect(entries.map(({ path, type, size }) => `${type} ${path} ${size}`).sort()).toEqual(['d d ', 'f d/one 4', 'f two <&> 4']);
  expect([...(await listAll(fx, join(fx.dir, 'out', 'cat'))).keys()].sort()).toEqual(['d', 'd/one', 'two <&>']);
});

it('what has to be done before may end with what is fine; else nothing is made', async () => {
  const fx = await fixture();
  await made(fx);
  const before = { script: 'echo "$2" > "$1"; exit 1', args: [join(fx.dir, 'said'), 'a b'] };
  await expect(createSmall({ ...spec(fx), before: { ...before, okCodes: [0] } })).rejects.toMatchObject({ code: 'PROGRAM_FAILED' });
  expect(await shell(join(fx.dir, 'staging'), 'ls')).not.toContain('.dar');
  expect((await createSmall({ ...spec(fx), before: { ...before, okCodes: [0, 1] } })).beforeCode).toBe(1);
  expect(await readFile(join(fx.dir, 'said'), 'latin1')).toBe('a b\n');
});

it('fails as every dar does', async () => {
  const fx = await fixture();
  await made(fx);
  await expect(createSmall({ ...spec(fx), root: bytePath.fromText(join(fx.dir, 'nowhere')) })).rejects.toMatchObject({ code: 'DAR_SOURCE_MISSING' });
  await expect(createSmall({ ...spec(fx), catalogueBase: join(fx.dir, 'no-directory', 'cat') })).rejects.toMatchObject({ code: 'DAR_ISOLATION_FAILED' });
});
