import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createLogger } from '../../../shared/logging/index.js';
import { probesOf } from '../../../worker/breaker/probes.js';
import { StagingAccount } from '../../../worker/staging/account.js';
import { Claims } from '../../../worker/staging/claims.js';
import { Brake } from '../../../worker/supervise/brake.js';
import { workspace } from '../../helpers/workspace.js';

const logger = createLogger({ level: 'fatal', format: 'json', host: 'here', component: 'test' });

async function accountOf(budgetBytes: number, maxPauseMs = 60_000) {
  const dir = await workspace();
  const account = new StagingAccount({ dir, host: 'here', budgetBytes, restoreShare: 0.2, maxPauseMs, logger });
  onTestFinished(() => account.close());
  const pausedTooLong = vi.fn();
  const { signal } = new AbortController();
  const spec = { dir: join(dir, 'here', 'b'), priority: 1, sliceBytes: 1000, expectedBytes: 1000, besideBytes: 0, brake: new Brake(), signal, onPausedTooLong: pausedTooLong };
  return { dir, account, pausedTooLong, begin: (baseName: string) => account.begin({ ...spec, baseName }), reserve: () => account.reserve(100, { owner: 'r', kind: 'restore', signal }) };
}

/** A directory that nobody can list, root neither. */
async function makeUnreadable(dir: string): Promise<string> {
  const path = join(dir, 'here', 'broken');
  await mkdir(join(dir, 'here'), { recursive: true });
  await symlink('broken', path);
  return path;
}

it('whoever waits for room in a staging that cannot be looked at is told, an outage is found, and all is well when it can be again', async () => {
  const { dir, account, begin, reserve } = await accountOf(1_000_000);
  const path = await makeUnreadable(dir);
  const told = await Promise.allSettled([begin('one'), reserve(), begin('two')]);
  expect(told).toMatchObject(Array(3).fill({ status: 'rejected', reason: { code: 'STAGING_IO', subject: path, retry: 'retry' } }));
  expect(account.isTight).toBe(false);
  const config = { host: 'here', topdirs: [], catalog: { dir }, staging: { dir } } as unknown as Parameters<typeof probesOf>[0];
  const probe = probesOf(config, [], () => account.state());
  await expect(probe.look({ kind: 'staging', name: 'here' }, 0)).rejects.toMatchObject({ code: 'STAGING_IO', subject: path });
  await rm(path);
  await probe.look({ kind: 'staging', name: 'here' }, 0);
  (await begin('three'))();
  (await reserve())();
});

it('while the filesystem is too full to claim anything, those who keep something are asked, and whoever waits gives its slot up in time', async () => {
  const { account, pausedTooLong, begin } = await accountOf(1_000_000, 1);
  const full = vi.spyOn(Claims.prototype, 'locked').mockRejectedValue(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }));
  onTestFinished(() => { full.mockRestore(); });
  const relieve = vi.fn(() => Promise.resolve());
  account.onPressure(relieve);
  const from = performance.now();
  const beginning = begin('one');
  await expect.poll(() => Math.min(relieve.mock.calls.length, pausedTooLong.mock.calls.length)).toBeGreaterThan(0);
  expect(pausedTooLong).toHaveBeenCalledTimes(1);
  expect(relieve.mock.calls.length).toBeLessThanOrEqual(1 + (performance.now() - from) / 1_000); // asked again each second
  full.mockRestore();
  (await beginning)();
});
