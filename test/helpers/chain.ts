import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { expect } from 'vitest';
import type { Manifest } from '../../shared/catalog/index.js';
import { compareTrees, type Difference } from '../../shared/compare/index.js';
import { bytePath } from '../../shared/paths/byte-path.js';
import { hasProgram, resolveProgram, run } from '../../shared/process/index.js';
import { JOB_VERSION, type BackupJob } from '../../shared/queues/job-data.js';
import { priorityOf } from '../../shared/queues/priorities.js';
import { restoreResultSchema } from '../../shared/runs/restore-result.js';
import type { Ended } from '../../producer/scheduler/watch-jobs.js';
import { restore } from './restore.js';
import type { TestSite } from './site.js';

/** Backs a basepath up at a level, as the producer does, and waits. `basepathId`: of the test's choice. */
export async function backUpLevel(site: TestSite, name: string, level: BackupJob['level'], fields: Partial<BackupJob> = {}): Promise<Ended & { readonly backupId: string }> {
  const backupId = ulid();
  const data: BackupJob = {
    v: JOB_VERSION,
    backupId,
    basepathId: name,
    level,
    topdir: site.topdir,
    path: join(site.topdir, name),
    priorityClass: level === 'full' ? 'full' : 'incremental',
    policyHash: site.config.policyHash,
    reason: 'a test',
    acceptSource: false,
    ...fields,
  };
  const jobId = `backup.${backupId}`;
  await site.worker.context.queues.backup.add('backup', data, { jobId, priority: priorityOf(data.priorityClass) });
  const [ended] = await site.waitFor([jobId]);
  if (ended === undefined) throw new Error('the backup did not end');
  return { ...ended, backupId };
}

/** The same for one that must be sealed. */
export async function sealed(site: TestSite, name: string, level: BackupJob['level']): Promise<Manifest> {
  const ended = await backUpLevel(site, name, level);
  expect({ state: ended.state, reason: ended.reason }).toEqual({ state: 'completed', reason: null });
  return site.catalog.findBackup(ended.backupId);
}

/** Copies a tree with everything a backup keeps, to be compared with later. */
export async function keepCopy(from: string, to: string): Promise<string> {
  await run({ program: 'cp', args: ['-a', '--', from, to] });
  return to;
}

/** Restores a backup with the product into a new directory and compares. Returns the differences. */
export async function restoreDifferences(site: TestSite, manifest: Manifest, expected: string): Promise<readonly Difference[]> {
  const target = join(site.dir, 'restore', ulid());
  await restoreWhole(site, manifest, target);
  return differences(expected, target);
}

/** Restores a backup with the product, and everything of it. */
export async function restoreWhole(site: TestSite, manifest: Manifest, target: string): Promise<void> {
  const ended = await restore(site, manifest, { target });
  expect({ state: ended.state, reason: ended.reason }).toEqual({ state: 'completed', reason: null });
  expect(restoreResultSchema.parse(ended.returnValue).problems).toEqual([]);
}

/** Restores a backup's chain with the script of the restore kit, which uses stock dar, and compares. */
export async function replayDifferences(site: TestSite, manifest: Manifest, expected: string): Promise<readonly Difference[]> {
  const target = join(site.dir, 'restore', ulid());
  await replay(site, manifest, target);
  return differences(expected, target);
}

/** Restores a backup's chain with the script of the restore kit. */
export async function replay(site: TestSite, manifest: Manifest, target: string): Promise<void> {
  const lts = join(site.dir, 'lts');
  const chain = await site.catalog.chain(manifest);
  const backups = chain.map(({ basepathId, backupId }) => join(lts, basepathId, backupId));
  const env = { PATH: `${await quickDar(site.dir)}:${process.env['PATH'] ?? ''}` };
  const done = await run({ program: 'sh', args: [join(lts, 'restore-kit', 'bw-restore.sh'), ...backups, target], env }, { okCodes: [0, 1, 2, 5] });
  expect({ code: done.status.code, said: done.status.code === 0 ? '' : done.stdout.toString('latin1') + done.stderr }).toEqual({ code: 0, said: '' });
}

/** A directory with the same dar, that sees no GnuPG but gpg: asking all of it what it can do takes three quarters of a small dar's time, and thousands are started here. */
async function quickDar(dir: string): Promise<string> {
  const [bin, gnupg] = [join(dir, 'quick-bin'), join(dir, 'quick-gnupg')];
  for (const each of [bin, gnupg]) await mkdir(each, { recursive: true });
  const script = join(bin, 'dar');
  if (existsSync(script)) return bin;
  if (hasProgram('gpg')) await symlink(resolveProgram('gpg'), join(gnupg, 'gpg')).catch(unlessThere);
  const whole = join(bin, ulid());
  await writeFile(whole, `#!/bin/sh\nPATH='${gnupg}' exec '${resolveProgram('dar')}' "$@"\n`, { mode: 0o755 });
  await rename(whole, script);
  return bin;
}

/** Several restores begin at once. */
function unlessThere(thrown: unknown): void {
  if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
}

/** Differences of two trees in everything a backup keeps. */
export async function differences(expected: string, target: string): Promise<readonly Difference[]> {
  return (await compareTrees({ left: bytePath.fromText(expected), right: bytePath.fromText(target), content: 'hash' })).differences;
}

/** Objects of a backup in LTS. */
export async function objectsOf(site: TestSite, { basepathId, backupId }: Manifest): Promise<string[]> {
  return (await readdir(join(site.dir, 'lts', basepathId, backupId))).sort();
}
