import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { resolveProgram } from '../../../shared/process/launch.js';
import { copyDirectoryMetadata } from '../../../worker/directory-metadata/directory-metadata.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { workspace } from '../../helpers/workspace.js';

/** The first tar, which reads the directory, ends like this when it has done its work. */
async function firstTarEnds(dir: string, code: number): Promise<void> {
  await fakeProgram('tar', `${resolveProgram('tar')} "$@" || exit\n[ -e '${dir}/read' ] || { : > '${dir}/read'; exit ${code}; }`);
}

async function directories(): Promise<{ dir: string; copy: Parameters<typeof copyDirectoryMetadata>[0] }> {
  const dir = await workspace();
  for (const name of ['from', 'to']) mkdirSync(join(dir, name));
  chmodSync(join(dir, 'from'), 0o2750);
  return { dir, copy: { from: bytePath.fromText(join(dir, 'from')), to: bytePath.fromText(join(dir, 'to')), stream: join(dir, 'stream') } };
}

it('takes a directory as it was, though it changes while it is read', async () => {
  const { dir, copy } = await directories();
  await firstTarEnds(dir, 1); // tar: .: file changed as we read it
  expect(await copyDirectoryMetadata(copy)).toBe(true);
  const [from, to] = ['from', 'to'].map((name) => lstatSync(join(dir, name)));
  expect([to?.mode, to?.mtimeMs]).toEqual([from?.mode, from?.mtimeMs]);
});

it('rejects where it could not be read', async () => {
  const { dir, copy } = await directories();
  await firstTarEnds(dir, 2);
  await expect(copyDirectoryMetadata(copy)).rejects.toMatchObject({ code: 'PROGRAM_FAILED' });
});
