import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'bullmq';
import { ulid } from 'ulid';
import { expect, it, onTestFinished, vi } from 'vitest';
import { stopOutput } from '../../../producer/cli/work/outputs.js';
import { cancelCommand } from '../../../producer/cli/work/stop-command.js';
import { readJournal } from '../../../shared/journal/index.js';
import { JOB_VERSION } from '../../../shared/queues/job-data.js';
import { QUEUES } from '../../../shared/queues/names.js';
import { workerOptions } from '../../../shared/queues/options.js';
import { testSite, type TestSite } from '../../helpers/site.js';

/** A site where nobody works, with the first backups of two basepaths in the queue. */
async function waitingSite() {
  const site = await testSite({ noWorker: true });
  for (const name of ['alice', 'bob']) {
    await mkdir(join(site.topdir, name));
    await writeFile(join(site.topdir, name, 'letter'), 'hello');
  }
  const [report] = await site.producer.tick();
  const [first, second] = report?.enqueued ?? [];
  if (first === undefined || second === undefined) throw new Error('two were to be enqueued');
  return { site, first, second };
}

/** `bw-bkup cancel NAME --json`: what it prints. */
async function cancel({ configFile }: TestSite, name: string) {
  const printed: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  try {
    expect(await cancelCommand(name, { config: configFile, json: true }, () => Promise.reject(new Error('Redis runs')))).toBe(0);
  } finally {
    write.mockRestore();
  }
  return stopOutput.parse(JSON.parse(printed.join('')));
}

async function endsOf({ catalog }: TestSite) {
  const ends: unknown[] = [];
  for await (const record of readJournal(catalog.journalDir, { kinds: ['attempt-ended', 'restore-ended'], onProblem: (problem) => { throw new Error(JSON.stringify(problem)); } })) ends.push(record);
  return ends;
}

it('a backup that waits for its first slot is cancelled: on record as failed, and its basepath gets the next one', async () => {
  const { site, first, second } = await waitingSite();
  const { queues, runs } = site.worker.context;
  await expect(cancel(site, first.backupId.slice(0, 6))).rejects.toMatchObject({ code: 'BACKUP_AMBIGUOUS' });
  expect(await cancel(site, first.backupId.toLowerCase())).toEqual({ v: 1, runId: first.backupId, host: null, cancelled: true, stopped: [] });
  expect([await queues.backup.getJobState(first.jobId), await queues.backup.getJobState(second.jobId)]).toEqual(['unknown', 'prioritized']);
  expect(await runs.read(first.backupId)).toMatchObject({ phase: 'failed', error: expect.stringMatching(/^CANCELLED: cancelled by /) as string });
  expect([await endsOf(site), await runs.running(), await queues.deadLetter.getJobCountByTypes('waiting')]).toMatchObject([[{ kind: 'attempt-ended', backupId: first.backupId, outcome: 'failed', error: { code: 'CANCELLED' } }], [], 0]);
  await expect(cancel(site, first.backupId)).rejects.toMatchObject({ code: 'NOT_RUNNING', message: expect.stringContaining('CANCELLED') as string });
  const [later] = await site.producer.tick();
  expect(later?.enqueued.map(({ basepathId, level, existing }) => [basepathId, level, existing])).toEqual([[first.basepathId, 'full', false]]);
});

it('one that a worker has just taken, and has no run yet, is told to stop, and is on record as ended', async () => {
  const { site, second } = await waitingSite();
  const { queues, runs } = site.worker.context;
  const connection = queues.redis.duplicate();
  const worker = new Worker(QUEUES.backup, null, { ...workerOptions(`there/${QUEUES.backup}`, 1), connection });
  onTestFinished(async () => { await worker.close(true); connection.disconnect(); });
  for (const token of ['1', '2']) await worker.getNextJob(token);
  expect(await cancel(site, second.backupId)).toMatchObject({ runId: second.backupId, stopped: [second.jobId] });
  expect(await runs.read(second.backupId)).toMatchObject({ phase: 'failed' });
});

it('a restore that waits for its first slot is cancelled', async () => {
  const { site, first } = await waitingSite();
  const { queues, runs } = site.worker.context;
  const restoreId = ulid();
  const job = { v: JOB_VERSION, restoreId, basepathId: first.basepathId, backupId: first.backupId, target: join(site.dir, 'restore', 'x'), paths: [], conflict: 'refuse' };
  await queues.backup.add('restore', job, { jobId: `restore.${restoreId}`, priority: 1 });
  expect(await cancel(site, restoreId)).toMatchObject({ runId: restoreId, stopped: [] });
  expect([await queues.backup.getJobState(`restore.${restoreId}`), await runs.read(restoreId), await endsOf(site)]).toMatchObject(['unknown', { phase: 'failed', kind: 'restore' }, [{ kind: 'restore-ended', restoreId, outcome: 'failed' }]]);
});
