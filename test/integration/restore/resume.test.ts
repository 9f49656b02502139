import { access, appendFile, copyFile, mkdir, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { restoreRequest } from '../../../producer/cli/restore-request.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { resolveProgram, run } from '../../../shared/process/index.js';
import type { RestoreJob } from '../../../shared/queues/job-data.js';
import { sweepStaging } from '../../../worker/start-context.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';

interface Interrupted {
  readonly site: TestSite;
  readonly manifest: Manifest;
  readonly source: string;
  readonly target: string;
  /** Makes the storage whole again. */
  mend(): Promise<void>;
}

const DIRECTORIES = ['a', 'b', 'c', 'd'];

/** A restore that failed in the middle: a slice of its last archive was damaged. */
async function interrupted(): Promise<Interrupted> {
  const site = await testSite({ settings: { shards: { maxFiles: 12 }, worker: { slots: 1 } } });
  const source = join(site.topdir, 'dora');
  for (const dir of DIRECTORIES) {
    await mkdir(join(source, dir), { recursive: true });
    for (let i = 0; i < 10; i++) await writeFile(join(source, dir, `f${i}`), `${dir}${i}`.repeat(1000));
  }
  await run({ program: 'sh', args: ['-ec', 'cd -- "$1"; ln a/f1 b/link; ln -s f1 c/symlink; setfacl -m d:u:1234:rwx d; chmod 500 b', 'sh', source] });
  await site.backUp();
  const [manifest] = await site.manifests();
  const slice = manifest?.archives.filter(({ kind }) => kind === 'data').at(-1)?.slices[0]?.locations.lts?.object;
  if (manifest === undefined || slice === undefined) throw new Error('nothing was sealed');
  const [damaged, good] = [join(site.dir, 'lts', slice), join(site.dir, 'good')];
  await copyFile(damaged, good);
  await appendFile(damaged, 'x');
  const target = join(site.dir, 'restore', 'there');
  expect(await restore(site, manifest, { target })).toMatchObject({ state: 'failed' });
  await site.worker.settled();
  return { site, manifest, source, target, mend: () => rename(good, damaged) };
}

/** As `restore --to DIR --resume` orders it. */
async function resume({ site, manifest, target }: Interrupted, change: Partial<RestoreJob> = {}): Promise<Awaited<ReturnType<typeof restore>>> {
  const request = await restoreRequest({ ...site, logger: site.worker.context.logger }, manifest.basepathId, { to: target, resume: true });
  return restore(site, manifest, { ...request, ...change });
}

async function ctimes(target: string): Promise<Map<string, bigint>> {
  const times = new Map<string, bigint>();
  for (const name of await readdir(target, { recursive: true })) {
    const info = await stat(join(target, name), { bigint: true });
    if (info.isFile()) times.set(name, info.ctimeNs);
  }
  return times;
}

/** A find that lists a tree only when it is told to. */
async function heldFind(dir: string): Promise<{ begun: string; go: string }> {
  const [begun, go] = [join(dir, 'find-begun'), join(dir, 'find-go')];
  await fakeProgram('find', `case "$*" in *-noleaf*) : > '${begun}'; until [ -e '${go}' ]; do sleep 0.02; done ;; esac\nexec '${resolveProgram('find')}' "$@"`);
  return { begun, go };
}

describe('a restore that goes on with an earlier one', () => {
  it('has nothing that sweeps of staging take while it looks at a target that takes long to list', async () => {
    const made = await interrupted();
    await made.mend();
    const { begun, go } = await heldFind(made.site.dir);
    const resuming = resume(made);
    await until('the target is listed', () => access(begun).then(() => true as const, () => null));
    expect(await sweepStaging(made.site.worker.context)).toBe(0);
    await writeFile(go, '');
    expect(await resuming).toMatchObject({ state: 'completed', reason: null, returnValue: { outcome: 'clean', problems: [] } });
    const [job] = (await made.site.worker.context.queues.backup.getCompleted()).filter(({ name }) => name === 'restore');
    expect(job?.attemptsMade).toBe(1);
  });

  it('does what is missing or not right, leaves the rest alone, and ends as if it had not been interrupted', async () => {
    const made = await interrupted();
    const { source, target } = made;
    const there = [...(await ctimes(target)).keys()].filter((name) => /^[a-d]\/f[2-9]$/.test(name)).sort();
    expect(there.length).toBeGreaterThanOrEqual(8);
    expect(there.length).toBeLessThan(32);
    const [half, gone, ...complete] = there;
    await truncate(join(target, half ?? ''), 100); // what a killed dar leaves
    await rm(join(target, gone ?? ''));
    const before = await ctimes(target);
    await made.mend();
    const ended = await resume(made);
    expect(ended).toMatchObject({ state: 'completed', returnValue: { outcome: 'clean', problems: [] } });
    const { skipped } = ended.returnValue as { skipped: number };
    expect(skipped).toBeGreaterThanOrEqual(complete.length);
    const after = await ctimes(target);
    for (const name of complete) expect([name, after.get(name)]).toEqual([name, before.get(name)]);
    const compared = await compareTrees({ left: bytePath.fromText(source), right: bytePath.fromText(target), content: 'hash' });
    expect(compared.differences).toEqual([]);
    await expect(resume(made)).rejects.toMatchObject({ code: 'RESTORE_NOT_RESUMABLE', message: expect.stringContaining('was completed') as string });
  });

  it('refuses what no unfinished restore of this backup made', async () => {
    const made = await interrupted();
    const { site, manifest, target } = made;
    const foreign = join(site.dir, 'restore', 'foreign');
    await mkdir(foreign);
    await expect(resume({ ...made, target: foreign })).rejects.toMatchObject({ code: 'RESTORE_NOT_RESUMABLE' });
    // A worker looks again, whatever the job says.
    const others = [await restore(site, manifest, { target: foreign, resumes: ulid() }), await resume(made, { resumes: ulid() })];
    await rename(target, `${target}.old`);
    await mkdir(target);
    await writeFile(join(target, 'mine'), 'mine');
    others.push(await resume(made));
    for (const each of others) expect(each.reason).toContain('RESTORE_NOT_RESUMABLE');
    expect(await readdir(target)).toEqual(['mine']);
    expect(await readdir(foreign)).toEqual([]);
  });
});
