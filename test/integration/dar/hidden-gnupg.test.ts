import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { hideGnupgFromDar } from '../../../shared/dar/index.js';
import { hasProgram, run } from '../../../shared/process/index.js';
import { createDone, fixture, listAll, PLAIN, shell } from './dar-fixture.js';

it.skipIf(!hasProgram('gpg'))('dar works, encryption too, with a gpg that only says which version the installed one is', async () => {
  const fx = await fixture();
  await hideGnupgFromDar(join(fx.dir, 'path'));
  const gpg = (program: string, option: string) => run({ program, args: [option] });
  const hidden = join(fx.dir, 'path', 'gpg');
  expect(String((await gpg(hidden, '--version')).stdout).trim()).toBe(String((await gpg('gpg', '--version')).stdout).split('\n')[0]);
  expect((await gpg(hidden, '--dump-options')).stdout).toEqual((await gpg('gpg', '--dump-options')).stdout); // anything else goes to the installed one
  await shell(fx.root, 'echo one > one');
  const keyFile = join(fx.dir, 'key');
  await writeFile(keyFile, 'secret\n', { mode: 0o600 });
  const dar = { ...PLAIN, encryption: { cipher: 'aes', keyFile, keyId: 'k' } };
  expect(await createDone(fx, dar)).toMatchObject({ exitCode: 0, meaning: 'complete' });
  expect([...(await listAll(fx, fx.base, dar)).keys()]).toEqual(['one']);
});
