import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { ShardFrame } from '../../../../../worker/jobs/shard/open-shard.js';
import { throwAway } from '../../../../../worker/jobs/shard/throw-away.js';

it('an archive that is thrown away leaves the record first, and then staging with its hashes; a slice that was released already is fine', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'throw-away-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  for (const name of ['a.1.dar', 'a.1.dar.sha512', 'b.1.dar']) await writeFile(join(dir, name), 'x');
  const seen: unknown[] = [];
  const items = { remove: async (backupId: string, objects: ReadonlyMap<string, string>) => { seen.push(backupId, [...objects], (await readdir(dir)).length); } };
  const staging = { account: { released: () => { seen.push('released'); } } };
  const frame = { context: { items, staging }, data: { backupId: 'B' }, sender: { options: { start: 's1' }, objectOf: ({ number }: { number: number }) => `object-${number}` } } as unknown as ShardFrame;
  const slices = [1, 2].map((number) => ({ number, file: join(dir, `a.${number}.dar`), bytes: 1, sha512: 'ab' }));
  await throwAway(frame, { slices });
  expect(seen).toEqual(['B', [['object-1', 's1'], ['object-2', 's1']], 3, 'released']);
  expect(await readdir(dir)).toEqual(['b.1.dar']);
});
