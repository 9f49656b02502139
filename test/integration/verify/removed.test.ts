// Verification beside retention: what is removed before is gone, not damaged; what is being looked at is not removed.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import { verifyCommand, type VerifyOptions } from '../../../producer/cli/verify-command.js';
import { verifyOutput } from '../../../producer/cli/verify-outputs.js';
import { enqueueVerify } from '../../../producer/scheduler/enqueue-verify.js';
import type { Burial, Catalog, Manifest } from '../../../shared/catalog/index.js';
import { readJournal } from '../../../shared/journal/index.js';
import { readClaims } from '../../../shared/retention/claims.js';
import { verifyResultSchema, type VerifyResult } from '../../../shared/verify/result.js';
import { sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { until } from '../bad-input/until.js';
import { drained } from '../retention/drained.js';

interface Chain {
  readonly site: TestSite;
  readonly full: Manifest;
  readonly last: Manifest;
}

/** A full, and an incremental on it. */
async function chain(retention: Readonly<Record<string, unknown>> = {}): Promise<Chain> {
  const site = await testSite({ settings: { retention } });
  mkdirSync(join(site.topdir, 'finn'));
  writeFileSync(join(site.topdir, 'finn/one'), 'one');
  const full = await sealed(site, 'finn', 'full');
  writeFileSync(join(site.topdir, 'finn/two'), 'two');
  return { site, full, last: await sealed(site, 'finn', 'incremental') };
}

async function verify(site: TestSite, { basepathId, backupId }: Manifest): Promise<VerifyResult> {
  const { queues } = site.worker.context;
  const { jobId } = await enqueueVerify(queues, { basepathId, backupId, level: 'hash', samplePercent: 100, recall: false });
  await drainCleanup(queues, 'here');
  const job = await queues.cleanup.getJob(jobId);
  expect(job?.failedReason).toBeUndefined();
  return verifyResultSchema.parse(job?.returnvalue);
}

/** As a prune does it. */
function bury({ worker: { context } }: TestSite, backups: readonly Manifest[], claims = () => readClaims(context.runs, context.queues)): Promise<Burial> {
  const tombstone = { removedAt: new Date().toISOString(), eraseAfter: new Date().toISOString(), reason: 'a test' };
  return context.catalog.graves.bury({ basepathId: 'finn', backupIds: backups.map(({ backupId }) => backupId), tombstone }, claims);
}

async function verifiedOnRecord(catalog: Catalog): Promise<string[]> {
  const outcomes: string[] = [];
  for await (const { outcome } of readJournal(catalog.journalDir, { kinds: ['verified'], onProblem: () => undefined })) outcomes.push(outcome);
  return outcomes;
}

describe('a verification of a backup that was removed while it waited', () => {
  it('ends well, says so, and puts nothing on record', async () => {
    const { site, full, last } = await chain();
    await bury(site, [last, full]);
    expect(await verify(site, last)).toMatchObject({ outcome: 'gone', backups: 0, problems: [] });
    expect(await verifiedOnRecord(site.catalog)).toEqual([]);
    expect(await site.worker.context.runs.running()).toEqual([]);
  });

  it('also when it is erased by now; one that nobody removed is damaged', async () => {
    const { site, full, last } = await chain({ keepLast: 1, gracePeriod: '1ms', maxRemoveShare: '100%' });
    const newest = await sealed(site, 'finn', 'full');
    await site.producer.prune();
    await site.producer.prune();
    await drained(site);
    expect(readdirSync(join(site.dir, 'catalog/backups/finn'))).toEqual([newest.backupId]);
    for (const each of [full, last]) expect((await verify(site, each)).outcome).toBe('gone');
    rmSync(join(site.dir, 'catalog/backups/finn', newest.backupId), { recursive: true });
    expect(await verify(site, newest)).toMatchObject({ outcome: 'damaged', problems: [{ problem: expect.stringMatching(/^MANIFEST_MISSING/) as string }] });
    expect(await verifiedOnRecord(site.catalog)).toEqual(['damaged']);
  });

  it('is told by the command that waits for it, which ends with 4', async () => {
    const { site, full, last } = await chain();
    const { queues } = site.worker.context;
    const lines = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => { lines.mockRestore(); });
    const run = async (options: VerifyOptions): Promise<string> => {
      await queues.cleanup.pause();
      lines.mockClear();
      const ended = verifyCommand(last.backupId, { config: site.configFile, wait: true, ...options }, () => Promise.reject(new Error('there is a worker')));
      await until('it is ordered', async () => (await queues.cleanup.getJobs(['prioritized', 'waiting'])).some(({ name }) => name === 'verify') || null);
      await bury(site, [last, full]);
      await queues.cleanup.resume();
      expect(await ended).toBe(4);
      return lines.mock.calls.map(([text]) => String(text)).join('');
    };
    expect(await run({})).toBe(`finn: ${last.backupId} was removed before it could be verified.\n`);
    await site.catalog.graves.undelete('finn', last.backupId);
    expect(verifyOutput.parse(JSON.parse(await run({ json: true }))).verifications).toMatchObject([{ state: 'done', outcome: 'gone', error: null }]);
  });
});

describe('a verification that runs', () => {
  it('keeps its backup and the chain from being removed, until it has ended', async () => {
    const { site, full, last } = await chain();
    const { catalog } = site.worker.context;
    const burials: Burial[] = [];
    const check = catalog.checkBackup.bind(catalog);
    vi.spyOn(catalog, 'checkBackup').mockImplementation(async (manifest) => {
      burials.push(await bury(site, [last, full]));
      return check(manifest);
    });
    const result = await verify(site, last);
    expect(result).toMatchObject({ outcome: 'sound', backups: 2 });
    expect(burials.map(({ buried }) => buried)).toEqual([[], []]);
    expect(burials[0]?.withheld).toEqual(new Map([[last.backupId, `needed by running verify ${result.verifyId}`], [full.backupId, `needed by ${last.backupId}`]]));
    expect((await bury(site, [last, full])).buried).toEqual([last.backupId, full.backupId]);
  });

  it('takes tombstones that a prune is about to take back for none', async () => {
    const { site, full, last } = await chain();
    const { catalog } = site.worker.context;
    const isRemoved = catalog.isRemoved.bind(catalog);
    // The prune has given its tombstones and has not yet seen that they are needed.
    vi.spyOn(catalog, 'isRemoved').mockImplementation(async (...ids) => {
      const answer = await isRemoved(...ids);
      await bury(site, [last, full], () => Promise.resolve(new Map()));
      return answer;
    });
    expect(await verify(site, last)).toMatchObject({ outcome: 'sound', backups: 2 });
  });
});
