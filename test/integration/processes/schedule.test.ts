import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { drawTicket, newestOf, writeFacts } from '../../../shared/runs/newest.js';
import { rebuildIndex } from '../../../shared/runs/rebuild-index.js';
import { rememberFailure } from '../../../shared/runs/failures.js';
import { enqueueBackup } from '../../../producer/scheduler/enqueue.js';
import { inFlightOf } from '../../../producer/scheduler/in-flight.js';
import type { TopdirReport } from '../../../producer/scheduler/tick.js';
import { EventTimes, RETRY_EVENTS_MS, GATED_AGAIN_MS } from '../../../producer/scheduler/event-times.js';
import { startProducerHttp } from '../../../producer/http.js';
import { createMetrics } from '../../../shared/metrics/index.js';
import { QueueSet } from '../../../shared/queues/queue-set.js';
import { openPlanFacts } from '../../../producer/cli/plan-facts.js';
import { proposeId, readBasepaths } from '../../../shared/basepaths/index.js';
import { laneAt } from '../../../shared/queues/priorities.js';
import { createLogger } from '../../../shared/logging/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { resolveProgram } from '../../../shared/process/index.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { testSite, type SiteOptions, type TestSite } from '../../helpers/site.js';
import { sampleFacts } from '../../unit/producer/policy/samples.js';

const DAY_MS = 86_400_000;

interface Clocked {
  readonly site: TestSite;
  /** Moves the producer's clock; workers keep the real one. */
  readonly later: (days: number) => void;
  readonly now: () => number;
}

async function clocked(names: readonly string[], options: SiteOptions = {}): Promise<Clocked> {
  let offsetMs = 0;
  const now = (): number => Date.now() + offsetMs;
  const site = await testSite({ ...options, now });
  for (const name of names) {
    await mkdir(join(site.topdir, name));
    await writeFile(join(site.topdir, name, 'file'), name.repeat(1000));
  }
  return { site, now, later: (days) => { offsetMs += days * DAY_MS; } };
}

function idOf(site: TestSite, name: string): string {
  return proposeId(site.topdir, bytePath.fromText(name));
}

/** `LEVEL NAME: REASON` of what a round enqueued. */
function enqueued(reports: readonly TopdirReport[]): string[] {
  return reports.flatMap((report) => report.enqueued.map(({ level, basepathId, reason }) => `${level} ${basepathId.split('-')[0] ?? ''}: ${reason}`)).sort();
}

async function round(site: TestSite): Promise<string[]> {
  const reports = await site.producer.tick();
  await site.waitFor(reports.flatMap((report) => report.enqueued.map(({ jobId }) => jobId)));
  return enqueued(reports);
}

async function inOrder(site: TestSite): Promise<string[]> {
  const manifests: Manifest[] = (await site.manifests()).sort((a, b) => a.backupId.localeCompare(b.backupId));
  return manifests.map(({ level, reason }) => `${level}: ${reason}`);
}

describe('rounds of the producer', () => {
  it('make a full, then incrementals, then a full by age; the reason is in the manifest; Redis knows the same after a rebuild', async () => {
    // With four slots one is the incrementals' own.
    const { site, later } = await clocked(['alice'], { settings: { worker: { slots: 4 } } });
    expect(await round(site)).toEqual(['full alice: no sealed full']);
    expect(await round(site)).toEqual([]);
    later(1);
    expect(await round(site)).toEqual([expect.stringMatching(/^incremental alice: last backup is 1d 0h old$/)]);
    const facts = await newestOf(site.worker.context.queues.redis, idOf(site, 'alice'));
    expect(facts).toMatchObject({ level: 'incremental', chain: { length: 1 }, full: { first: true } });
    const { redis } = site.worker.context.queues;
    await rebuildIndex(redis, site.catalog);
    expect(await newestOf(redis, idOf(site, 'alice'))).toEqual(facts);
    later(30);
    expect(await round(site)).toEqual([expect.stringMatching(/^full alice: last full is 31d 0h old$/), expect.stringMatching(/^incremental alice: last backup is 31d 0h old, overdue$/)]);
    expect(await inOrder(site)).toEqual(['full: no sealed full', 'incremental: last backup is 1d 0h old', expect.stringMatching(/: last/), expect.stringMatching(/: last/)]);
  });

  it('begin a new chain when it has grown too long, and know single basepaths\' settings', async () => {
    const basepaths = [{ path: 'alice', schedule: { maxChain: 1 } }, { path: 'bob', schedule: { incrementalEvery: 'none', pastDue: '40d' } }];
    const { site, later } = await clocked(['alice', 'bob', 'carol'], { topdir: { basepaths }, settings: { schedule: { level: 'differential' } } });
    await round(site);
    later(1);
    expect(await round(site)).toEqual([expect.stringMatching(/^differential alice/), expect.stringMatching(/^differential carol/)]);
    expect((await round(site)).filter((line) => line.startsWith('full'))).toEqual(['full alice: backups on top of the last full: 1 (maxChain 1)']);
  });

  it('make no fulls of everything when Redis was wiped: what is sealed stands in the catalog', async () => {
    const { site, later } = await clocked(['alice', 'bob']);
    await round(site);
    await site.worker.context.queues.redis.flushall();
    expect(await round(site)).toEqual([]);
    later(1);
    expect(await round(site)).toEqual([expect.stringMatching(/^incremental alice/), expect.stringMatching(/^incremental bob/)]);
  });

  it('name basepaths past due: those saved too long ago, and those never saved since they were found', async () => {
    const { site, later } = await clocked(['alice'], { settings: { schedule: { pastDue: '2d' } } });
    await round(site);
    await mkdir(join(site.topdir, 'new'));
    await site.worker.close();
    await site.producer.tick();
    later(2.1);
    const [report] = await site.producer.tick();
    expect(report?.pastDue.map(({ basepathId }) => basepathId)).toEqual([idOf(site, 'alice'), idOf(site, 'new')]);
  });
});

describe('metrics', () => {
  it('count what is past due, from the catalog: also while Redis is gone', async () => {
    const { site } = await clocked(['alice', 'bob'], { settings: { schedule: { incrementalEvery: '1ms', pastDue: '2ms' } } });
    await round(site);
    const metrics = createMetrics({ host: 'here', component: 'producer' });
    const logger = createLogger({ level: 'fatal', format: 'json', host: 'here', component: 'test' });
    const config = { ...site.config, http: { ...site.config.http, producerPort: 0 } };
    const gone = new Redis({ path: join(site.dir, 'no.sock'), lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null, maxRetriesPerRequest: null });
    gone.on('error', () => undefined);
    onTestFinished(() => { gone.disconnect(); });
    const server = await startProducerHttp({ config, logger, metrics, catalog: site.catalog, queues: new QueueSet(gone), redis: gone });
    onTestFinished(() => server?.close());
    const text = await (await fetch(`http://127.0.0.1:${server?.port ?? 0}/metrics`)).text();
    expect(/bw_basepaths_past_due\{[^}]*\} (\d+)/.exec(text)?.[1]).toBe('2');
  });
});

describe('plan', () => {
  it('rests on the same facts from Redis and from the catalog alone, and counts the slots of workers that run', async () => {
    const { site } = await clocked(['alice', 'bob'], { settings: { worker: { slots: 4 } } });
    await round(site);
    await site.addWorker('there');
    const logger = createLogger({ level: 'fatal', format: 'json', host: 'here', component: 'test' });
    const [topdir] = site.config.topdirs;
    if (topdir === undefined) return expect.unreachable();
    const registry = await readBasepaths(site.catalog.journalDir, () => undefined);
    const planSite = { config: site.config, logger, catalog: site.catalog };
    const live = await openPlanFacts(planSite);
    onTestFinished(() => { live.close(); });
    const dead = await openPlanFacts({ ...planSite, config: { ...site.config, state: { dir: join(site.dir, 'nowhere') } } });
    expect([live.live, dead.live]).toEqual([true, false]);
    const records = registry.presentIn(topdir.path);
    expect(records).toHaveLength(2);
    expect((await dead.of(topdir, records)).basepaths).toEqual((await live.of(topdir, records)).basepaths);
    await expect.poll(() => live.slots()).toBe(8); // connections of a worker that has just begun get their names late
    expect(await dead.slots()).toBeNull();
  });
});

describe('what waits', () => {
  /** alice has a full of `days` ago; nobody works. */
  async function waiting(days: number): Promise<Clocked & { alice: string }> {
    const parts = await clocked(['alice', 'bob'], { noWorker: true });
    const { site } = parts;
    const alice = idOf(site, 'alice');
    const { redis } = site.worker.context.queues;
    await writeFacts(redis, await drawTicket(redis), new Map([[alice, sampleFacts({ fullDays: days }, Date.now())]]));
    return { ...parts, alice };
  }

  it('incrementals wait for fulls of the day to start; then they come', async () => {
    const { site } = await waiting(1.2);
    const reports = await site.producer.tick();
    expect(enqueued(reports)).toEqual(['full bob: no sealed full']);
    expect(reports).toMatchObject([{ held: 1, gate: expect.stringContaining('fulls-started') as string }]);
    const [bob] = reports[0]?.enqueued ?? [];
    const run = { id: bob?.backupId ?? '', kind: 'backup', basepathId: 'bob', path: '/bob', level: 'full', jobId: bob?.jobId ?? '', phase: 'planning', startedAt: '', endedAt: null, work: null, shards: 0, step: 0, records: 0, bytes: '0', error: null, outcome: null } as const;
    await site.worker.context.runs.create(run);
    expect(enqueued(await site.producer.tick())).toEqual([expect.stringMatching(/^incremental alice/)]);
  });

  it('one full and one other backup of a basepath, never two of a kind', async () => {
    const { site, alice } = await waiting(1.2);
    const { queues } = site.worker.context;
    const request = { basepathId: alice, topdir: site.topdir, path: bytePath.fromText(join(site.topdir, 'alice')), priorityClass: 'full' as const, policyHash: 'p', reason: 'a test', acceptSource: false };
    const [full, incremental, differential] = [
      await enqueueBackup(queues, { ...request, level: 'full' }, Date.now()),
      await enqueueBackup(queues, { ...request, level: 'incremental', priorityClass: 'incremental' }, Date.now()),
      await enqueueBackup(queues, { ...request, level: 'differential', priorityClass: 'incremental' }, Date.now()),
    ];
    expect([full.existing, incremental.existing, differential.existing]).toEqual([false, false, true]);
    expect(differential.jobId).toBe(incremental.jobId);
    expect((await enqueueBackup(queues, { ...request, level: 'full' }, Date.now())).jobId).toBe(full.jobId);
    expect((await inFlightOf(queues, [alice])).get(alice)).toMatchObject({ full: { jobId: full.jobId, started: false }, other: { jobId: incremental.jobId } });
    const reports = await site.producer.tick();
    expect(enqueued(reports)).toEqual(['full bob: no sealed full']);
  });

  it('an overdue incremental moves up while it waits, but not above fulls', async () => {
    const { site, later } = await waiting(2.2);
    const reports = await site.producer.tick();
    const job = await site.worker.context.queues.backup.getJob(reports[0]?.enqueued.find(({ level }) => level === 'incremental')?.jobId ?? '');
    const lane = async (): Promise<number | undefined> => laneAt((await site.worker.context.queues.backup.getJob(job?.id ?? ''))?.priority ?? 0)?.number;
    expect(await lane()).toBe(46);
    later(2);
    await site.producer.tick();
    expect(await lane()).toBe(44);
    later(90);
    await site.producer.tick();
    expect(await lane()).toBe(40);
    expect((await site.worker.context.queues.backup.getPrioritized())[0]?.name).toBe('backup');
    expect((await site.worker.context.queues.backup.getPrioritized()).map(({ data }) => (data as { level: string }).level)).toEqual(['full', 'full', 'incremental']);
  });

  it('what failed for good waits for its event', async () => {
    const { site, later, now, alice } = await waiting(1.2);
    await site.producer.events();
    await rememberFailure(site.worker.context.queues.redis, alice, 'incremental', now());
    expect(enqueued(await site.producer.events())).toEqual([]);
    later(0.05);
    const [report] = await site.producer.events();
    expect(report?.events).toContain('failed');
  });
});

describe('event times', () => {
  it('come once at first, then by the schedule; a restart catches up with what was missed, once', async () => {
    const { site, now } = await clocked(['alice'], { noWorker: true });
    const { redis } = site.worker.context.queues;
    const [topdir] = site.config.topdirs;
    const path = topdir?.path ?? '';
    const times = new EventTimes(redis, site.config.topdirs);
    const start = now();
    expect((await times.due(start)).get(path)).toEqual(['scan', 'fulls', 'incrementals', 'failed', 'pastDue']);
    await times.came(path, ['scan', 'fulls', 'incrementals', 'failed', 'pastDue'], false, start);
    expect((await times.due(start)).get(path)).toEqual([]);
    expect(await times.wait(start)).toBeGreaterThan(0);
    expect(await times.wait(start)).toBeLessThanOrEqual(900_000);
    expect((await times.due(start + 900_000)).get(path)).toContain('pastDue');
    const restarted = new EventTimes(redis, site.config.topdirs);
    const later = start + 3 * DAY_MS;
    expect((await restarted.due(later)).get(path)).toHaveLength(5);
    await restarted.came(path, ['scan', 'fulls', 'incrementals', 'failed', 'pastDue'], false, later);
    expect((await restarted.due(later)).get(path)).toEqual([]);
  });

  it('that failed come again soon, and not at once', async () => {
    const { site, now } = await clocked(['alice'], { noWorker: true });
    const [topdir] = site.config.topdirs;
    const path = topdir?.path ?? '';
    const times = new EventTimes(site.worker.context.queues.redis, site.config.topdirs);
    const start = now();
    times.failed(path, ['scan', 'fulls', 'incrementals', 'failed', 'pastDue'], start); // for the first time, too
    expect((await times.due(start)).get(path)).toEqual([]);
    expect(await times.wait(start)).toBe(RETRY_EVENTS_MS);
    expect((await times.due(start + RETRY_EVENTS_MS)).get(path)).toHaveLength(5);
    await times.came(path, ['scan', 'fulls', 'incrementals', 'failed', 'pastDue'], false, start + RETRY_EVENTS_MS);
    expect((await times.due(start + RETRY_EVENTS_MS)).get(path)).toEqual([]);
  });

  it('of a topdir that cannot be listed now come when it can', async () => {
    const { site, later } = await clocked(['alice']);
    await fakeProgram('find', `[ -e '${site.dir}/mended' ] || exit 3; exec '${resolveProgram('find')}' "$@"`);
    const events = (): Promise<TopdirReport[]> => site.producer.events();
    expect((await events())[0]?.error).toMatchObject({ retry: 'retry' });
    await writeFile(join(site.dir, 'mended'), '');
    expect(await events()).toEqual([]);
    later(RETRY_EVENTS_MS / DAY_MS);
    expect(enqueued(await events())).toEqual([expect.stringMatching(/^full alice: /)]);
  });

  it('look again soon at incrementals that a gate holds back', async () => {
    const { site, now } = await clocked(['alice'], { noWorker: true });
    const [topdir] = site.config.topdirs;
    const path = topdir?.path ?? '';
    const times = new EventTimes(site.worker.context.queues.redis, site.config.topdirs);
    const start = now();
    await times.came(path, ['scan', 'fulls', 'incrementals', 'failed', 'pastDue'], true, start);
    expect(await times.wait(start)).toBeLessThanOrEqual(GATED_AGAIN_MS);
    expect((await times.due(start + GATED_AGAIN_MS)).get(path)).toContain('incrementals');
    await times.came(path, ['incrementals'], false, start + GATED_AGAIN_MS);
    expect((await times.due(start + GATED_AGAIN_MS)).get(path)).not.toContain('incrementals');
  });
});
