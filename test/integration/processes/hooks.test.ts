import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { throughGate } from '../../../producer/scheduler/hook-gate.js';
import { PREFIX } from '../../../shared/queues/names.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { workspace } from '../../helpers/workspace.js';

/** A site whose topdir is saved from a snapshot that hooks make and remove; every call of a hook is one line of `hooks.log`. */
async function snapshotSite(before = 'cp -a "$BW_TOPDIR" "$BW_READ_FROM"', after = 'rm -r "$BW_READ_FROM"'): Promise<TestSite & { hookLog(): Promise<string[]>; after: string; snapshot: string }> {
  const dir = await workspace();
  const at = (name: string): string => join(dir, name);
  const script = async (name: string, text: string): Promise<string> => {
    await writeFile(at(name), `#!/bin/sh\nset -e\necho "${name} $BW_TOPDIR" >> ${at('hooks.log')}\n${text}\n`, { mode: 0o700 });
    return at(name);
  };
  const snapshot = at('snapshot');
  const hooks = { before: [await script('before', before)], after: [await script('after', after)] };
  const site = await testSite({ topdir: { readFrom: snapshot, hooks } });
  const hookLog = async (): Promise<string[]> => (await readFile(at('hooks.log'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  return { ...site, hookLog, snapshot, after: hooks.after[0] ?? '' };
}

async function write(site: TestSite, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(site.topdir, path, '..'), { recursive: true });
    await writeFile(join(site.topdir, path), content);
  }
}

describe('hooks of a topdir', () => {
  it('run once around a round, and what is saved is the snapshot under the name of the live path', async () => {
    const site = await snapshotSite('cp -a "$BW_TOPDIR" "$BW_READ_FROM"; echo snapshot > "$BW_READ_FROM/alice/file"');
    await write(site, { 'alice/file': 'live', 'bob/file': 'live' });
    expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed', 'completed']);
    expect(await site.hookLog()).toEqual([`before ${site.topdir}`]);
    expect(await site.producer.closeGates()).toEqual([{ topdir: site.topdir, error: null }]);
    expect(await site.producer.closeGates()).toEqual([]);
    expect(await site.hookLog()).toEqual([`before ${site.topdir}`, `after ${site.topdir}`]);
    const [alice] = await site.manifests();
    expect(alice?.source).toMatchObject({ path: join(site.topdir, 'alice'), readFrom: join(site.snapshot, 'alice') });
    expect(alice?.counts.sourceBytes).toBe(String('snapshot\n'.length));
    await site.backUp(); // nothing is due: no snapshot either
    expect(await site.hookLog()).toHaveLength(2);
  });

  it('a before hook that fails: nothing is enqueued, the report names it, and the next round tries again', async () => {
    const site = await snapshotSite('echo no space for a snapshot >&2; test -e "$BW_TOPDIR/space"; mkdir "$BW_READ_FROM"; cp -a "$BW_TOPDIR/." "$BW_READ_FROM"');
    await write(site, { 'alice/file': 'live' });
    const [report] = await site.producer.tick();
    expect(report).toMatchObject({ enqueued: [], error: { code: 'HOOK_FAILED', subject: site.topdir } });
    expect(report?.error?.detail).toContain('no space for a snapshot');
    expect(await site.worker.context.queues.backup.count()).toBe(0);
    expect(await site.producer.closeGates()).toEqual([]); // what was not opened is not closed
    await write(site, { space: '' });
    expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed']);
    expect(await site.hookLog()).toEqual([`before ${site.topdir}`, `before ${site.topdir}`]);
  });

  it('the after hook waits for the last backup, and is owed until it succeeds', async () => {
    const site = await snapshotSite();
    await write(site, { 'alice/file': 'live' });
    const { queues } = site.worker.context;
    await queues.backup.pause();
    const [report] = await site.producer.tick();
    expect(report?.enqueued).toHaveLength(1);
    expect(await site.producer.closeGates()).toEqual([]);
    expect(await site.hookLog()).toEqual([`before ${site.topdir}`]);
    await queues.backup.resume();
    await site.waitFor((report?.enqueued ?? []).map(({ jobId }) => jobId));
    const hook = await readFile(site.after, 'utf8');
    await writeFile(site.after, '#!/bin/sh\nexit 3\n');
    expect(await site.producer.closeGates()).toMatchObject([{ topdir: site.topdir, error: { code: 'HOOK_FAILED' } }]);
    await writeFile(site.after, hook);
    expect(await site.producer.closeGates()).toEqual([{ topdir: site.topdir, error: null }]);
    await expect(readFile(join(site.snapshot, 'alice/file'))).rejects.toThrow('ENOENT');
  });

  it('nobody enqueues or closes while a before hook runs, also in another process', async () => {
    const site = await snapshotSite('while ! test -e "$BW_TOPDIR/../go"; do sleep 0.05; done; cp -a "$BW_TOPDIR" "$BW_READ_FROM"');
    await write(site, { 'alice/file': 'live', 'bob/file': 'live' });
    const { queues } = site.worker.context;
    await queues.backup.pause(); // what is enqueued stays in flight
    const inFlight = (): Promise<number> => queues.backup.count();
    const [topdir] = site.config.topdirs;
    if (topdir === undefined) return expect.unreachable();
    const round = site.producer.tick();
    await expect.poll(() => site.hookLog()).toHaveLength(1);
    // Both come after all that the round enqueues, which it does when its hook has ended.
    const closing = site.producer.closeGates().then(async (closed) => [closed, await inFlight()]);
    const command = throughGate(queues, { topdir, basepathIds: ['x'] }, inFlight);
    expect(await inFlight()).toBe(0);
    await writeFile(join(site.dir, 'go'), '');
    expect(await Promise.all([closing, command])).toEqual([[[], 2], 2]);
    expect((await round)[0]).toMatchObject({ error: null, enqueued: [{}, {}] });
    expect(await site.hookLog()).not.toContain(`after ${site.topdir}`);
    await rm(join(site.dir, 'go'));
  });
});

/** Refuses what another one left; only when `go` is there is the snapshot made to its end. */
const HALF_THEN_WHOLE = 'mkdir "$BW_READ_FROM"; while ! test -e "$BW_TOPDIR/../go"; do sleep 0.05; done; cp -a "$BW_TOPDIR/." "$BW_READ_FROM"';
const REMOVE = 'rm -rf "$BW_READ_FROM"';

/** A site with one basepath, and what a producer that is stopped or dies does at its gate. */
async function interruptedSite(before = HALF_THEN_WHOLE) {
  const site = await snapshotSite(before, REMOVE);
  await write(site, { 'alice/file': 'live' });
  const { queues } = site.worker.context;
  const [topdir] = site.config.topdirs;
  if (topdir === undefined) throw new Error('a site has a topdir');
  const through = (enqueue: () => Promise<unknown>, signal?: AbortSignal) => throughGate(queues, { topdir, basepathIds: ['alice'], signal }, enqueue);
  /** The before hook begins, and its process is stopped. */
  const interrupt = async (): Promise<void> => {
    const stop = new AbortController();
    const stopped = through(() => Promise.resolve(), stop.signal);
    await expect.poll(() => site.hookLog()).toHaveLength(1);
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: 'HOOK_FAILED' });
  };
  const hooksRun = async (): Promise<string[]> => (await site.hookLog()).map((line) => line.split(' ')[0] ?? '');
  const gate = (value?: string): Promise<unknown> => (value === undefined ? queues.redis.hget(GATES, topdir.path) : queues.redis.hset(GATES, topdir.path, value));
  return { ...site, queues, through, interrupt, hooksRun, gate, go: () => writeFile(join(site.dir, 'go'), '') };
}

const GATES = `${PREFIX}:hook-gates`;

describe('the gate of hooks after an interruption', () => {
  it('a before hook that was cut off is run again by the next round, with the after hook between', async () => {
    const site = await interruptedSite();
    await site.interrupt();
    expect(await site.gate()).toMatch(/^opening [0-9a-f-]{36} \S+\/\d+ 2\S+Z$/);
    await site.go();
    expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed']);
    expect(await site.hooksRun()).toEqual(['before', 'after', 'before']);
    expect(await site.gate()).toMatch(/^open 2\S+Z$/);
    expect((await site.manifests())[0]?.counts.sourceBytes).toBe(String('live'.length)); // of the whole snapshot
    expect(await site.producer.closeGates()).toEqual([{ topdir: site.topdir, error: null }]);
    expect(await site.gate()).toBeNull();
  });

  it('a before hook that was cut off, and no round after it: closing runs the after hook', async () => {
    const site = await interruptedSite();
    await site.interrupt();
    // Left over from before: nothing of it is read from a snapshot that was never made.
    await site.queues.redis.sadd(`${PREFIX}:hook-gate:${site.topdir}`, 'alice');
    await site.queues.redis.set(`${PREFIX}:backup:de:full.alice`, 'backup.01M85F3RME11H1G53WJZA84PKE');
    expect(await site.producer.closeGates()).toEqual([{ topdir: site.topdir, error: null }]);
    expect(await site.hooksRun()).toEqual(['before', 'after']);
    expect(await site.producer.closeGates()).toEqual([]);
  });

  it('after hook that fails then: nothing is enqueued, and the next round tries again', async () => {
    const site = await interruptedSite();
    await site.interrupt();
    const hook = await readFile(site.after, 'utf8');
    await writeFile(site.after, '#!/bin/sh\nexit 3\n');
    await site.go();
    expect((await site.producer.tick())[0]).toMatchObject({ enqueued: [], error: { code: 'HOOK_FAILED' } });
    await writeFile(site.after, hook);
    expect(await site.backUp()).toHaveLength(1);
    expect(await site.hooksRun()).toEqual(['before', 'after', 'before']);
  });

  it('a crash between the hook and the first enqueue: the next round makes a snapshot of its own', async () => {
    const site = await interruptedSite();
    await site.go();
    await expect(site.through(() => Promise.reject(new Error('crash')))).rejects.toThrow('crash');
    await write(site, { 'alice/file': 'of the next day' });
    expect((await site.backUp()).map(({ state }) => state)).toEqual(['completed']);
    expect(await site.hooksRun()).toEqual(['before', 'after', 'before']);
    expect((await site.manifests())[0]?.counts.sourceBytes).toBe(String('of the next day'.length));
  });

  it.each(['as it is', 'of a version that wrote the time alone'])('with work in flight no hook is run again; without, all begins anew (record %s)', async (record) => {
    const site = await interruptedSite();
    await site.go();
    await site.queues.backup.pause();
    const [report] = await site.producer.tick();
    if (record !== 'as it is') await site.gate('2026-11-27T04:31:20.000Z');
    expect(await site.through(() => Promise.resolve('passed'))).toBe('passed');
    expect(await site.producer.closeGates()).toEqual([]);
    expect(await site.hooksRun()).toEqual(['before']);
    await site.queues.backup.resume();
    await site.waitFor((report?.enqueued ?? []).map(({ jobId }) => jobId));
    expect(await site.through(() => Promise.resolve('passed'))).toBe('passed');
    expect(await site.hooksRun()).toEqual(['before', 'after', 'before']);
  });

  it('whoever lost the lock while its before hook ran enqueues nothing, and leaves the gate as the next one has it', async () => {
    // The second hook does not wait for `go`.
    const site = await interruptedSite('mkdir "$BW_READ_FROM"; test -e "$BW_TOPDIR/../second" || while ! test -e "$BW_TOPDIR/../go"; do sleep 0.05; done');
    const enqueued: string[] = [];
    const enqueue = (who: string) => () => Promise.resolve(enqueued.push(who));
    const first = site.through(enqueue('first')).catch((thrown: unknown) => thrown);
    await expect.poll(() => site.hooksRun()).toEqual(['before']);
    await writeFile(join(site.dir, 'second'), '');
    await site.queues.redis.del(`${PREFIX}:hook-lock:${site.topdir}`); // as when it ended in an outage of Redis
    await site.through(enqueue('second'));
    const gate = await site.gate();
    await site.go();
    expect(await first).toMatchObject({ code: 'REDIS_UNREACHABLE', subject: site.topdir });
    expect([enqueued, await site.gate()]).toEqual([['second'], gate]);
    expect(await site.hooksRun()).toEqual(['before', 'after', 'before']);
  });
});
