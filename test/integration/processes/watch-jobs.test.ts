import { Worker, type Job } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { watchJobs, type Ended } from '../../../producer/scheduler/watch-jobs.js';
import { PREFIX, QUEUES } from '../../../shared/queues/names.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { commandConnection, workerConnection } from '../../../shared/redis/connect.js';
import { startRedis, type TestRedis } from '../http/redis.js';

interface Watched {
  readonly server: TestRedis;
  readonly queues: QueueSet;
  readonly ended: Ended[];
  readonly watch: (jobIds: readonly string[], options: Parameters<typeof watchJobs>[4]) => Promise<void>;
}

/** Watching as commands do it, over connections like theirs. */
async function watched(): Promise<Watched> {
  const server = await startRedis();
  const config = { redis: { url: server.redis.options.path ?? '' }, state: { dir: '/nonexistent' } };
  const connection = commandConnection(config);
  connection.on('error', () => undefined);
  await connection.connect();
  onTestFinished(() => { connection.disconnect(); });
  const queues = new QueueSet(connection);
  const ended: Ended[] = [];
  const watch: Watched['watch'] = (jobIds, options) => watchJobs(queues, workerConnection(config), new Set(jobIds), (each) => ended.push(each), options);
  return { server, queues, ended, watch };
}

describe('watching jobs', () => {
  it('reports each once as it ends, with the reason of one that failed', async () => {
    const { server, queues, ended, watch } = await watched();
    const connection = server.redis.duplicate();
    const work = (job: Job): Promise<number> => (job.name === 'bad' ? Promise.reject(new Error('BROKEN: no')) : Promise.resolve(7));
    const worker = new Worker(QUEUES.backup, work, { connection, prefix: PREFIX });
    onTestFinished(async () => {
      await worker.close();
      connection.disconnect();
    });
    await queues.backup.pause(); // they are there at the first look, and end after it
    await queues.backup.add('good', {}, { jobId: 'a.1' });
    await queues.backup.add('bad', {}, { jobId: 'b.1', attempts: 1 });
    const watching = watch(['a.1', 'b.1', 'gone.1'], {});
    await expect.poll(() => ended.map(({ jobId }) => jobId)).toEqual(['gone.1']);
    await queues.backup.resume();
    await watching;
    expect(ended.sort((a, b) => a.jobId.localeCompare(b.jobId))).toEqual([
      { jobId: 'a.1', state: 'completed', reason: null, returnValue: 7 },
      { jobId: 'b.1', state: 'failed', reason: 'BROKEN: no', returnValue: null },
      { jobId: 'gone.1', state: 'failed', reason: expect.stringContaining('JOB_GONE') as string, returnValue: null },
    ]);
  });

  it('ends when its caller says so; the job stays', async () => {
    const { queues, ended, watch } = await watched();
    await queues.backup.add('never', {}, { jobId: 'a.1' });
    const stop = new AbortController();
    const watching = watch(['a.1'], { signal: stop.signal });
    stop.abort();
    await watching;
    expect(ended).toEqual([]);
    expect(await (await queues.backup.getJob('a.1'))?.getState()).toBe('waiting');
  });

  it('hears at once that a job was removed', async () => {
    const { queues, ended, watch } = await watched();
    const job = await queues.backup.add('never', {}, { jobId: 'a.1' });
    const watching = watch(['a.1', 'gone.1'], { lookUpMs: 200_000 });
    await expect.poll(() => ended).toHaveLength(1); // it has looked, and listens
    await job.remove();
    await watching;
    expect(ended).toMatchObject([{ jobId: 'gone.1' }, { jobId: 'a.1', state: 'failed', reason: expect.stringContaining('JOB_GONE') as string }]);
  });

  it('looks at its own jobs, however many others end meanwhile', async () => {
    const { queues, ended, watch } = await watched();
    await queues.backup.add('never', {}, { jobId: 'a.1' });
    const watching = watch(['a.1', 'gone.1'], { lookUpMs: 200 });
    await expect.poll(() => ended).toHaveLength(1);
    await queues.redis.del(queues.backup.toKey('a.1')); // as one whose event is not in the stream any more
    for (let i = 0; ended.length < 2; i++) {
      await queues.redis.xadd(queues.backup.toKey('events'), '*', 'event', 'completed', 'jobId', `other.${i}`, 'returnvalue', 'null');
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    await watching;
    expect(ended[1]).toMatchObject({ jobId: 'a.1', state: 'failed' });
  });

  it('says once that Redis is away, and gives up after the time it was given', async () => {
    const { server, queues, ended, watch } = await watched();
    await queues.backup.add('never', {}, { jobId: 'a.1' });
    let outages = 0;
    const watching = watch(['a.1'], { lookUpMs: 50, outageMs: 500, onOutage: () => { outages += 1; } });
    watching.catch(() => undefined);
    server.child.kill();
    await expect(watching).rejects.toThrow();
    expect(outages).toBe(1);
    expect(ended).toEqual([]);
  });
});
