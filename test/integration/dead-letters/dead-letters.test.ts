import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { reconcileRuns } from '../../../producer/reconcile/reconcile.js';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import { failRun } from '../../../shared/runs/fail-run.js';
import { refillDeadLetters } from '../../../shared/runs/refill-dead-letters.js';
import { deadDismissOutput, deadListOutput, deadRetryOutput, deadShowOutput } from '../../../producer/cli/dead/outputs.js';
import { statusOutput } from '../../../producer/cli/outputs.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { runCli } from '../cli/cli-process.js';
import { sampleOf } from '../../unit/shared/metrics/samples.js';
import { backUpLevel } from '../../helpers/chain.js';
import { testSite } from '../../helpers/site.js';
import { Failures } from '../../../worker/processor/failures.js';

const product = compiledProduct();

describe('a backup that fails for good', () => {
  it('leaves one letter with reason, host and what to do, stops nothing, and is settled by the next that seals', async () => {
    const site = await testSite();
    const { context } = site.worker;
    const letters = new DeadLetters(context.queues);
    await mkdir(join(site.topdir, 'alice'));
    const [failed] = await site.backUp();
    await site.worker.settled();
    expect(failed?.state).toBe('failed');
    const [letter, ...more] = await letters.all();
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ kind: 'backup', level: 'full', path: join(site.topdir, 'alice'), code: 'SOURCE_EMPTY', last: { host: 'here', job: 'backup', attempt: 1 } });
    expect(letter?.last?.hint).toMatch(/allowEmpty/);
    expect(sampleOf(await site.worker.metrics.render(), 'bw_backups_failed_total', { level: 'full', code: 'SOURCE_EMPTY' })).toBe(1);

    await writeFile(join(site.topdir, 'alice/file'), 'x');
    expect(await backUpLevel(site, letter?.basepathId ?? '', 'full', { path: join(site.topdir, 'alice') })).toMatchObject({ state: 'completed' });
    expect(await letters.all()).toEqual([]);
  });

  it('leaves one letter, whoever reports it, and how often, also after a crash in between', async () => {
    const site = await testSite();
    const { context } = site.worker;
    const letters = new DeadLetters(context.queues);
    await mkdir(join(site.topdir, 'alice'));
    await site.backUp();
    await site.worker.settled();
    const [letter] = await letters.all();
    const runId = letter?.runId ?? '';
    await context.runs.redis.sadd('{bw}:runs', runId);
    await context.runs.update(runId, { phase: 'planning' }); // as if the worker had died before it marked the run failed
    expect((await reconcileRuns(context)).findings).toMatchObject([{ kind: 'run-unreported', state: 'repaired' }]);
    expect(await failRun(context, runId, { code: 'LATE', message: 'reported once more' })).toBe(false);
    expect((await letters.all()).map(({ runId: id, code }) => [id, code])).toEqual([[runId, 'SOURCE_EMPTY']]);

    await letters.remove([runId]);
    await refillDeadLetters(context.queues, site.catalog.journalDir); // Redis was lost
    expect((await letters.all()).map(({ runId: id, code, last }) => [id, code, last])).toEqual([[runId, 'SOURCE_EMPTY', null]]);
  });

  it('leaves none when it had sealed: that is put on record instead', async () => {
    const site = await testSite();
    const { context } = site.worker;
    await mkdir(join(site.topdir, 'alice'));
    await writeFile(join(site.topdir, 'alice/file'), 'x');
    const [ended] = await site.backUp();
    const job = await context.queues.backup.getJob(ended?.jobId ?? '');
    const runId = (job?.data as { backupId: string }).backupId;
    await context.runs.redis.sadd('{bw}:runs', runId);
    await context.runs.update(runId, { phase: 'sealing' }); // as if every worker had died right after the seal
    const failures = new Failures(context);
    failures.add(job as Job, new Error('job stalled more than allowable limit'));
    await failures.settled();
    expect([await new DeadLetters(context.queues).all(), (await context.runs.read(runId))?.phase]).toEqual([[], 'sealing']);
    expect((await reconcileRuns(context)).findings[0]).toMatchObject({ kind: 'seal-unrecorded', state: 'repaired' });
    expect((await context.runs.read(runId))?.phase).toBe('done');
  });

  it('is listed by cause, shown, tried again and dismissed by commands', async () => {
    const site = await testSite();
    const json = async <T>(schema: z.ZodType<T>, code: number, ...args: string[]): Promise<T> => {
      const end = await runCli(product, [...args, '--json'], { config: site.configFile });
      expect(end, args.join(' ')).toMatchObject({ code, stderr: '' });
      return schema.parse(JSON.parse(end.stdout));
    };
    const path = join(site.topdir, 'alice');
    await mkdir(path);
    await site.backUp();
    await site.worker.settled();
    const dead = await json(deadListOutput, 0, 'dead', 'list');
    expect(dead).toMatchObject({ causes: [{ code: 'SOURCE_EMPTY', count: 1 }], letters: [{ level: 'full', path }] });
    const [first = ''] = dead.letters.map(({ runId }) => runId);
    expect(await json(deadShowOutput, 0, 'dead', 'show', first)).toMatchObject({ runId: first, last: { host: 'here' } });
    expect((await json(statusOutput, 1, 'status', '--check')).basepaths).toMatchObject([{ path, lastError: { backupId: first, dismissed: false } }]);

    const { retried } = await json(deadRetryOutput, 0, 'dead', 'retry', '--reason', 'SOURCE_EMPTY');
    expect(retried).toMatchObject([{ runId: first, existing: false }]);
    const [second = ''] = retried.map(({ backupId }) => backupId);
    expect(await site.waitFor([`backup.${second}`])).toMatchObject([{ state: 'failed' }]);
    await site.worker.settled();
    expect(await json(deadDismissOutput, 0, 'dead', 'dismiss', '--topdir', site.topdir, '--because', 'a new home')).toEqual({ v: 1, dismissed: [second] });
    expect(await json(deadListOutput, 0, 'dead', 'list')).toEqual({ v: 1, causes: [], letters: [] });
    expect((await json(statusOutput, 0, 'status', '--check')).basepaths).toEqual([]);
  });
});
