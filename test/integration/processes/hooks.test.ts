import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { throughGate } from '../../../producer/scheduler/hook-gate.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { workspace } from '../../helpers/workspace.js';

/** A site whose topdir is saved from a snapshot that hooks make and remove; every call of a hook is one line of `hooks.log`. */
async function snapshotSite(before = 'cp -a "$BW_TOPDIR" "$BW_READ_FROM"'): Promise<TestSite & { hookLog(): Promise<string[]>; after: string; snapshot: string }> {
  const dir = await workspace();
  const at = (name: string): string => join(dir, name);
  const script = async (name: string, text: string): Promise<string> => {
    await writeFile(at(name), `#!/bin/sh\nset -e\necho "${name} $BW_TOPDIR" >> ${at('hooks.log')}\n${text}\n`, { mode: 0o700 });
    return at(name);
  };
  const snapshot = at('snapshot');
  const hooks = { before: [await script('before', before)], after: [await script('after', 'rm -r "$BW_READ_FROM"')] };
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
    const command = throughGate(queues, { topdir, basepathIds: ['x'], now: new Date() }, inFlight);
    expect(await inFlight()).toBe(0);
    await writeFile(join(site.dir, 'go'), '');
    expect(await Promise.all([closing, command])).toEqual([[[], 2], 2]);
    expect((await round)[0]).toMatchObject({ error: null, enqueued: [{}, {}] });
    expect(await site.hookLog()).not.toContain(`after ${site.topdir}`);
    await rm(join(site.dir, 'go'));
  });
});
