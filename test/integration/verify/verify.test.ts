import { existsSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync, readFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import { cancelRun } from '../../../producer/preemption/cancel.js';
import { enqueueVerify, type VerifyRequest } from '../../../producer/scheduler/enqueue-verify.js';
import { orderVerifications } from '../../../producer/scheduler/order-verifications.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { summarise, type BasepathStatus } from '../../../shared/catalog/status.js';
import type { Config } from '../../../shared/config/config.js';
import { readJournal } from '../../../shared/journal/index.js';
import { resolveProgram } from '../../../shared/process/launch.js';
import { refreshNewest } from '../../../shared/runs/newest.js';
import { verifyResultSchema, type VerifyResult } from '../../../shared/verify/result.js';
import { keepCopy, sealed } from '../../helpers/chain.js';
import { compareWithSource } from '../../../worker/jobs/verify/compare-with-source.js';
import { Findings } from '../../../worker/jobs/verify/findings.js';
import type { Verification } from '../../../worker/jobs/verify/verification.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { expectSwept } from '../bad-input/leftovers.js';
import { until } from '../bad-input/until.js';

/** Slices of 64 KiB, so that there are some; no racy window. */
const SETTINGS = { index: { racyWindow: '1ms' }, dar: { sliceSize: '64KiB' } };

async function chain(settings = {}): Promise<{ site: TestSite; root: string; full: Manifest; last: Manifest }> {
  const site = await testSite({ settings: { ...SETTINGS, ...settings } });
  const root = join(site.topdir, 'finn');
  for (const dir of ['a/b', 'c']) mkdirSync(join(root, dir), { recursive: true });
  for (let i = 0; i < 30; i++) writeFileSync(join(root, i % 2 === 0 ? 'a/b' : 'c', `file-${i}`), Buffer.alloc(10_000, `content ${i} `));
  const full = await sealed(site, 'finn', 'full');
  await delay(20);
  writeFileSync(join(root, 'c/file-1'), 'changed');
  rmSync(join(root, 'c/file-3'));
  const last = await sealed(site, 'finn', 'incremental');
  return { site, root, full, last };
}

async function verify(site: TestSite, manifest: Manifest, request: Partial<VerifyRequest>): Promise<VerifyResult> {
  const { queues } = site.worker.context;
  const { basepathId, backupId } = manifest;
  const { jobId } = await enqueueVerify(queues, { basepathId, backupId, level: 'manifest', samplePercent: 100, recall: false, ...request });
  await drainCleanup(queues, 'here');
  const job = await queues.cleanup.getJob(jobId);
  expect(job?.failedReason).toBeUndefined();
  return verifyResultSchema.parse(job?.returnvalue);
}

async function statusOf(site: TestSite): Promise<BasepathStatus | undefined> {
  const records = readJournal(site.catalog.journalDir, { onProblem: (problem) => { throw new Error(JSON.stringify(problem)); } });
  return (await summarise(records, site.catalog.listBackups(), Date.now()))[0];
}

function objectsIn(site: TestSite, { basepathId, backupId }: Manifest, pattern: RegExp): string[] {
  const dir = join(site.dir, 'lts', basepathId, backupId);
  return readdirSync(dir).filter((name) => pattern.test(name)).map((name) => join(dir, name)).sort();
}

/** One byte in the middle is another one. */
function flip(file: string): void {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  chmodSync(file, 0o600);
  writeFileSync(file, bytes);
}

describe('verify, of a sound chain,', () => {
  it('finds nothing at any level, and leaves nothing behind', async () => {
    const { site, last } = await chain();
    expect(await verify(site, last, { level: 'manifest' })).toMatchObject({ outcome: 'sound', backups: 2, readObjects: 0, problems: [] });
    expect(await verify(site, last, { level: 'hash' })).toMatchObject({ outcome: 'sound', recalledObjects: 0 });
    expect((await statusOf(site))?.lastProven).toBeNull();
    const dar = await verify(site, last, { level: 'dar' });
    expect(dar).toMatchObject({ outcome: 'sound', readObjects: [...(await site.catalog.chain(last))].flatMap(({ archives }) => archives.flatMap(({ slices }) => slices)).length });
    const drill = await verify(site, last, { level: 'restore' });
    expect(drill).toMatchObject({ outcome: 'sound', files: 33, filesLikeSource: 29, problemCount: 0 });
    expect(await statusOf(site)).toMatchObject({ lastProven: { backupId: last.backupId, samplePercent: 100 }, lastVerified: { method: 'restore-drill', outcome: 'sound' } });
    expect(readdirSync(join(site.dir, 'staging/here'))).toEqual([]);
    expect(await site.catalog.listWork()).toEqual([]);
    expect(await site.worker.context.runs.running()).toEqual([]);
  });

  it('whose job is done once more after its end, because its worker died, tells the same', async () => {
    const { site, last } = await chain();
    const result = await verify(site, last, { level: 'manifest' });
    for (const slice of objectsIn(site, last, /\.dar$/)) rmSync(slice); // it would find another
    const { queues } = site.worker.context;
    const [job] = (await queues.cleanup.getJobs(['completed'])).filter(({ name }) => name === 'verify');
    await job?.retry('completed');
    await drainCleanup(queues, 'here');
    expect((await queues.cleanup.getJob(job?.id ?? ''))?.returnvalue).toEqual(result);
  });

  it('of a sample: the same seed looks at the same, and a drill of one file restores one', async () => {
    const { site, last } = await chain();
    const { staging } = site.worker.context;
    const reserve = vi.spyOn(staging, 'reserve');
    const one = await verify(site, last, { level: 'restore', samplePercent: 0.001, seed: 'x' });
    expect(reserve.mock.calls).toMatchObject([[10_000, { owner: one.verifyId, kind: 'verify' }]]); // slices are read in place
    await expect(reserve.mock.results[0]?.value).resolves.toBeTypeOf('function');
    expect(one).toMatchObject({ outcome: 'sound', files: 1, filesLikeSource: 1, seed: 'x' });
    const [first, second] = [await verify(site, last, { level: 'hash', samplePercent: 40, seed: 'y' }), await verify(site, last, { level: 'hash', samplePercent: 40, seed: 'y' })];
    expect([second.readObjects, second.readBytes]).toEqual([first.readObjects, first.readBytes]);
  });

  it('a source that changed meanwhile is not held against the backup', async () => {
    const { site, root, last } = await chain();
    writeFileSync(join(root, 'a/b/file-0'), 'other');
    rmSync(join(root, 'a/b/file-2'));
    expect(await verify(site, last, { level: 'restore' })).toMatchObject({ outcome: 'sound', filesLikeSource: 27 });
    rmSync(root, { recursive: true });
    expect(await verify(site, last, { level: 'restore' })).toMatchObject({ outcome: 'sound', filesLikeSource: 0 });
  });
});

describe('a verification that is cancelled', () => {
  it('ends with its dar, says nothing of the backup, and leaves nothing behind', async () => {
    const { site, last } = await chain();
    const { queues, runs, journal } = site.worker.context;
    const testing = join(site.dir, 'testing');
    await fakeProgram('dar', `case " $* " in *" -t "*) : > '${testing}'; exec sleep 600 ;; esac\nexec ${resolveProgram('dar')} "$@"`);
    const { basepathId, backupId } = last;
    const { jobId } = await enqueueVerify(queues, { basepathId, backupId, level: 'dar', samplePercent: 100, recall: false });
    await until('dar tests', () => existsSync(testing) || null);
    const run = (await runs.running()).find(({ kind }) => kind === 'verify');
    if (run === undefined) return expect.unreachable();
    expect(await cancelRun({ queues, runs, journal, config: site.config, now: () => new Date() }, run, 'cancelled by nobody')).toEqual([jobId]);
    await until('it has ended', async () => ((await runs.read(run.id))?.phase === 'failed' ? true : null));
    expect(await runs.read(run.id)).toMatchObject({ error: expect.stringMatching(/^CANCELLED: /) as string });
    await expectSwept(site);
    expect(await runs.running()).toEqual([]);
    expect(await statusOf(site)).toMatchObject({ lastVerified: null });
  });
});

describe('verify finds', () => {
  it('an object that is missing, of an ancestor, at every level; and says so in status', async () => {
    const { site, full, last } = await chain();
    rmSync(objectsIn(site, full, /s0001.*\.2\.dar$/)[0] ?? '');
    expect(await verify(site, last, { level: 'manifest' })).toMatchObject({ outcome: 'damaged', problemCount: 1, problems: [{ problem: 'it is not there' }] });
    expect(await verify(site, last, { level: 'hash' })).toMatchObject({ outcome: 'damaged', problemCount: 2 });
    expect((await verify(site, last, { level: 'dar' })).problems[1]?.problem).toMatch(/^RESTORE_OBJECT_MISSING/);
    expect((await verify(site, last, { level: 'restore' })).problems[1]?.problem).toMatch(/^RESTORE_OBJECT_MISSING/);
    expect(await statusOf(site)).toMatchObject({ lastProven: null, lastVerified: { outcome: 'damaged' } });
  });

  it('a short object at once, a flipped bit when it is read', async () => {
    const { site, full, last } = await chain();
    const [first, second] = objectsIn(site, full, /s0001.*\.[23]\.dar$/) as [string, string];
    chmodSync(first, 0o600);
    truncateSync(first, statSync(first).size - 1);
    expect((await verify(site, last, { level: 'manifest' })).problems).toEqual([{ where: expect.stringMatching(/^lts:finn\/.*\.2\.dar$/) as string, problem: '65535 bytes are there, 65536 were stored' }]);
    const flipped = await chain();
    flip(objectsIn(flipped.site, flipped.full, /s0001.*\.3\.dar$/)[0] ?? second);
    expect((await verify(flipped.site, flipped.last, { level: 'manifest' })).outcome).toBe('sound');
    expect((await verify(flipped.site, flipped.last, { level: 'hash' })).problems).toEqual([{ where: expect.stringMatching(/\.3\.dar$/) as string, problem: 'its content is not what was stored (mismatch)' }]);
    expect((await verify(flipped.site, flipped.last, { level: 'restore' })).problems[0]?.problem).toMatch(/^RESTORE_OBJECT_CORRUPT/);
  });

  it('a parent that is gone, and an index that is not what was sealed', async () => {
    const { site, full, last } = await chain();
    const index = site.catalog.file(full, full.index);
    flip(index);
    expect((await verify(site, last, { level: 'manifest' })).problems[0]?.where).toBe(`catalog ${full.backupId}/${full.index.name}`);
    rmSync(join(site.dir, 'catalog/backups/finn', full.backupId), { recursive: true });
    expect(await verify(site, last, { level: 'restore' })).toMatchObject({ outcome: 'damaged', backups: 0, problems: [{ problem: expect.stringMatching(/^CHAIN_BROKEN/) as string }] });
  });

  it('content that is not that of the source, where the source has not changed since', async () => {
    const { site, root, full } = await chain({});
    const context = site.worker.context;
    const restored = await keepCopy(root, join(site.dir, 'restored'));
    const compare = async (): Promise<Findings> => {
      const findings = new Findings();
      const manifests = await site.catalog.chain(full);
      const layers = manifests.map((manifest) => ({ file: site.catalog.file(manifest, manifest.index), backupId: manifest.backupId }));
      const signal = new AbortController().signal;
      await compareWithSource({ context, chain: manifests, layers, findings, signal } as unknown as Verification, [], restored);
      return findings;
    };
    expect(await compare()).toMatchObject({ filesLikeSource: 28, problemCount: 0 });
    flip(join(restored, 'a/b/file-0'));
    rmSync(join(restored, 'a/b/file-2'));
    const findings = await compare();
    expect(findings).toMatchObject({ filesLikeSource: 26, problemCount: 2 });
    expect(findings.problems.map(({ where }) => where)).toEqual(['a/b/file-0', 'a/b/file-2']);
  });
});

describe('scheduled verification', () => {
  it('takes whoever was not verified for longest, and recalls from tape within the budget only', async () => {
    const { site, last } = await chain();
    await refreshNewest(site.worker.context.queues.redis, site.catalog, last.basepathId, (error) => { throw error; });
    const day = 86_400_000;
    const lts = site.config.lts.map((each) => ({ ...each, tape: true }));
    const config = (recallPerDay: Config['verify']['recallPerDay']): Pick<Config, 'verify' | 'lts'> => ({ lts, verify: { everyMs: 30 * day, level: 'hash', samplePercent: 100, recallPerDay } });
    const parts = { queues: site.worker.context.queues, catalog: site.catalog };
    const order = async (recallPerDay: Config['verify']['recallPerDay'], at: number) => {
      const chosen = await orderVerifications({ ...parts, config: config(recallPerDay), now: () => at });
      await drainCleanup(parts.queues, 'here');
      return chosen.map(({ backupId, level, recall }) => [backupId === last.backupId, level, recall]);
    };
    expect(await order(null, Date.now())).toEqual([[true, 'manifest', false]]);
    expect(await order({ bytes: Infinity, objects: 3 }, Date.now())).toEqual([]);
    expect(await order({ bytes: Infinity, objects: 3 }, Date.now() + 31 * day)).toEqual([[true, 'hash', true]]);
    const verified = [];
    for await (const record of readJournal(site.catalog.journalDir, { kinds: ['verified'], onProblem: () => undefined })) verified.push(record);
    expect(verified.map((record) => ('method' in record ? record.method : ''))).toEqual(['catalog', 'slices']);
  });

  it('reads nothing from tape unless it may', async () => {
    const { site, last } = await chain();
    (site.worker.context.config as { lts: unknown }).lts = site.config.lts.map((each) => ({ ...each, tape: true }));
    const { queues } = site.worker.context;
    const { basepathId, backupId } = last;
    const { jobId } = await enqueueVerify(queues, { basepathId, backupId, level: 'dar', samplePercent: 100, recall: false });
    await drainCleanup(queues, 'here');
    expect((await queues.cleanup.getJob(jobId))?.failedReason).toMatch(/^VERIFY_NOTHING_READABLE/);
    const recalled = await verify(site, last, { level: 'dar', recall: true });
    expect(recalled).toMatchObject({ outcome: 'sound', recalledObjects: recalled.readObjects });
    expect(recalled.recalledBytes).toBeGreaterThan(200_000);
  });
});
