import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import type { Part } from '../../../shared/copies/copy-state.js';
import type { Copying } from '../../../worker/jobs/copies/copy-job.js';
import { damagedOf } from '../../../worker/jobs/copies/find-damaged.js';
import { globusLts } from '../../helpers/globus-lts.js';
import { workspace } from '../../helpers/workspace.js';
import { logger } from '../tasks/task-site.js';

const BUNDLE = 'bundles/2026-01-01/01.here.tar';

function partOf(name: string, object: string, offset: number): Part {
  const content = Buffer.alloc(700, name);
  return { name, bytes: content.length, sha512: createHash('sha512').update(content).digest('hex'), locations: { nearline: { object, offset, length: content.length } } };
}

it('looks at slices in a bundle of a storage that brings whole objects only: what is sound is no damage, and the bundle comes once', async () => {
  const root = await workspace();
  const { backend, dir, globus } = await globusLts(root);
  const parts = [partOf('a', BUNDLE, 512), partOf('b', BUNDLE, 2048), partOf('alone', 'x/alone', 0), partOf('c', BUNDLE, 3584)];
  const put = async (object: string, content: Buffer): Promise<void> => {
    await mkdir(dirname(join(dir, object)), { recursive: true });
    await writeFile(join(dir, object), content);
  };
  const tar = Buffer.alloc(5120);
  for (const { name, locations } of parts) if (name !== 'alone') tar.fill(name, locations['nearline']?.offset, (locations['nearline']?.offset ?? 0) + 700);
  await put(BUNDLE, tar);
  await put('x/alone', Buffer.alloc(700, 'alone'));
  const reserved: number[] = [];
  const start = join(root, 'staging', 'look');
  const staging = {
    reserve: (bytes: number) => Promise.resolve(reserved.push(bytes)).then(() => () => void reserved.push(-bytes)),
    createStart: () => mkdir(start, { recursive: true }).then(() => start),
    removeStart: () => rm(start, { recursive: true, force: true }),
  };
  const copying = { context: { staging }, target: backend, copyId: 'copy', run: { signal: new AbortController().signal, logger } } as unknown as Copying;
  const damaged = async (): Promise<string[]> => [...(await damagedOf(copying, parts))].sort();

  expect(await damaged()).toEqual([]);
  expect(globus.tasks()).toHaveLength(2);
  await put(BUNDLE, Buffer.concat([tar.subarray(0, 2100), Buffer.from('!'), tar.subarray(2101)]));
  expect(await damaged()).toEqual(['b']);
  await put(BUNDLE, tar.subarray(0, 3000));
  expect(await damaged()).toEqual(['c']);
  await rm(join(dir, BUNDLE));
  expect(await damaged()).toEqual(['a', 'b', 'c']);
  expect(reserved).toEqual([5120, -5120, 5120, -5120, 3000, -3000]);
  expect(await readdir(join(root, 'staging'))).toEqual([]);
});
