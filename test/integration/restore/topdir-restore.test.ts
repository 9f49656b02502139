import { appendFile, mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { TopdirLine } from '../../../producer/cli/topdir-restore/outputs.js';
import { topdirRequest, type TopdirRestoreOptions } from '../../../producer/cli/topdir-restore/options.js';
import { runTopdirRestore } from '../../../producer/cli/topdir-restore/run.js';
import { topdirRestoreRows } from '../../../producer/cli/topdir-restore/status-rows.js';
import { record } from '../../../producer/cli/removal/operator.js';
import { workOf } from '../../../producer/cli/topdir-restore/work.js';
import { openSession, type Session } from '../../../producer/cli/session.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { TopdirRestores } from '../../../shared/topdir-restore/store.js';
import { testSite, type TestSite } from '../../helpers/site.js';

interface Then {
  readonly site: TestSite;
  /** Copies of the basepaths as they were. */
  readonly then: string;
  readonly at: string;
}

const NAMES = ['anna', 'bert', 'cleo', 'dora'];

/** Four basepaths, of which two change later, one goes and one comes. */
async function siteThen(): Promise<Then> {
  const site = await testSite({ topdir: { schedule: { fullEvery: '30d', incrementalEvery: '1ms', incrementalGate: 'none' } } });
  for (const [i, name] of NAMES.entries()) {
    await mkdir(join(site.topdir, name, 'sub'), { recursive: true });
    for (let n = 0; n <= i; n++) await writeFile(join(site.topdir, name, 'sub', `f${n}`), `${name}${n}`.repeat(500));
    await utimes(join(site.topdir, name), 1e9, 1e9 + i);
  }
  await site.backUp();
  const then = join(site.dir, 'then');
  await run({ program: 'cp', args: ['-a', '--', site.topdir, then] });
  const at = new Date().toISOString();
  await appendFile(join(site.topdir, 'anna', 'sub', 'f0'), 'later');
  await rm(join(site.topdir, 'bert', 'sub', 'f1'));
  await rename(join(site.topdir, 'cleo'), join(site.dir, 'cleo'));
  await mkdir(join(site.topdir, 'emil'));
  return { site, then, at };
}

interface Called {
  readonly code: number;
  readonly lines: TopdirLine[];
}

/** As `bw-bkup restore --topdir --json` does it, on the worker of the site; `onLine` may stop it. */
async function restoreTopdir(site: TestSite, options: TopdirRestoreOptions, onLine: (line: TopdirLine, stop: () => void) => void = () => undefined): Promise<Called> {
  const stopping = new AbortController();
  const lines: TopdirLine[] = [];
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    const line = JSON.parse(String(text)) as TopdirLine;
    lines.push(line);
    onLine(line, () => { stopping.abort(); });
    return true;
  });
  const session = await sessionOf(site);
  const stop = { signal: stopping.signal, stopped: new Promise<never>(() => undefined), exitCode: () => 130, release: () => undefined };
  try {
    return { code: await runTopdirRestore(session, await workOf(session, await topdirRequest(options)), { json: true }, stop), lines };
  } finally {
    await session.close(stopping.signal);
    written.mockRestore();
  }
}

async function sessionOf(site: TestSite): Promise<Session> {
  const { config, catalog, worker } = site;
  return openSession({ config, catalog, logger: worker.context.logger }, {}, () => Promise.reject(new Error('the site has a worker')));
}

async function same(left: string, right: string): Promise<void> {
  const { differences } = await compareTrees({ left: bytePath.fromText(left), right: bytePath.fromText(right), content: 'hash' });
  expect(differences).toEqual([]);
}

const ended = ({ lines }: Called) => lines.filter(({ event }) => event === 'basepath').map(({ basepath }) => `${basepath?.name ?? ''} ${basepath?.state ?? ''}`);

describe('restore of a whole topdir', () => {
  it('brings every basepath back as it was at that time, and goes on where it was interrupted', async () => {
    const { site, then, at } = await siteThen();
    await site.backUp();
    const to = join(site.dir, 'restore', 'all');
    const options = { topdir: site.topdir, to, at, orderBy: 'name', concurrency: '2' };

    const first = await restoreTopdir(site, options, ({ event }, stop) => { if (event === 'basepath') stop(); });
    expect(first.code).toBe(130);
    expect(first.lines.at(-1)).toMatchObject({ event: 'ended', repeat: `bw-bkup restore --topdir ${site.topdir} --to ${to} --resume` });
    const restored = ended(first).filter((line) => line.endsWith(' restored'));
    expect(restored.length).toBeGreaterThanOrEqual(1);
    expect(restored.length).toBeLessThan(NAMES.length);
    await expect(restoreTopdir(site, options)).rejects.toMatchObject({ code: 'RESTORE_TARGET_NOT_EMPTY', hint: expect.stringContaining('--resume') as string });
    await expect(restoreTopdir(site, { ...options, at: '2026-01-01', resume: true })).rejects.toMatchObject({ code: 'USAGE' });

    // Its work goes on by itself, and is not begun twice; what was done is not done again.
    const second = await restoreTopdir(site, { ...options, resume: true });
    expect(ended(second).filter((line) => line.endsWith(' skipped')).length).toBeGreaterThanOrEqual(restored.length);
    expect(second.lines.at(-1)).toMatchObject({ event: 'ended', repeat: null, totals: { basepaths: 4, restored: 4, failed: 0, withoutBackup: 0, running: 0 } });
    expect(second.code).toBe(0);
    expect((await readdir(to)).sort()).toEqual(NAMES);
    for (const name of NAMES) await same(join(then, name), join(to, name));
    expect(await topdirRestoreRows(new TopdirRestores(site.worker.context.queues.redis))).toEqual([]);
  });

  it('does the others when one fails, names what has no backup, and repeats just what failed', async () => {
    const { site, then } = await siteThen();
    await writeFile(join(site.dir, 'order'), 'dora\n');
    const [bert] = (await site.manifests()).filter(({ basepathId }) => basepathId.startsWith('bert'));
    const slice = join(site.dir, 'lts', bert?.archives.find(({ kind }) => kind === 'data')?.slices[0]?.locations.lts?.object ?? '');
    await rename(slice, `${slice}.away`);
    // Found by a scan, never saved.
    await record(site, [{ kind: 'basepath-assigned', basepathId: 'fritz-1', topdir: site.topdir, path: join(site.topdir, 'fritz'), rootInode: '1', owner: '0', generation: 1 }]);
    const to = join(site.dir, 'restore', 'all');
    const options = { topdir: site.topdir, to, order: join(site.dir, 'order') };
    const first = await restoreTopdir(site, options);
    expect(ended(first).sort()).toEqual(['anna restored', 'bert failed', 'cleo restored', 'dora restored', 'fritz without-backup']);
    expect(first.code).toBe(1);
    await rename(`${slice}.away`, slice);
    const second = await restoreTopdir(site, { topdir: site.topdir, to, resume: true });
    expect(ended(second).sort()).toEqual(['anna skipped', 'bert restored', 'cleo skipped', 'dora skipped', 'fritz without-backup']);
    expect(second.code).toBe(3);
    await same(join(then, 'bert'), join(to, 'bert'));
  });

  it('is seen by others, who can cancel it, and is done by one process only', async () => {
    const { site, at } = await siteThen();
    const store = new TopdirRestores(site.worker.context.queues.redis);
    const to = join(site.dir, 'restore', 'all');
    const called = restoreTopdir(site, { topdir: site.topdir, to, at, concurrency: '1', orderBy: 'name' }, ({ event, topdirRestoreId }) => {
      if (event === 'begun') void store.cancel(topdirRestoreId, 'eve');
    });
    const { code, lines } = await called;
    expect(code).toBe(1);
    expect(lines.at(-1)?.totals.restored).toBeLessThan(NAMES.length);
    expect(await store.all()).toEqual([]);

    // One that somebody does is not begun by another, unless its process is known to be dead.
    const session = await sessionOf(site);
    const { id } = await workOf(session, await topdirRequest({ topdir: site.topdir, to, resume: true }));
    const state = { id, topdir: site.topdir, target: to, asOf: at, host: 'elsewhere', pid: 1, user: 'bob', startedAt: at, basepaths: 4, done: 0, exceptions: 0, failed: 0, withoutBackup: 0, sourceBytes: '0', doneBytes: '0', bytesPerSecond: null, etaMs: null, running: {} };
    expect(await store.claim(state)).toBe(true);
    await session.close();
    await expect(restoreTopdir(site, { topdir: site.topdir, to, resume: true })).rejects.toMatchObject({ code: 'RESTORE_RUNNING', message: expect.stringContaining('bob on elsewhere') as string });
    await store.release({ ...state, host: 'here' });
    expect((await topdirRestoreRows(store)).map(({ active }) => active)).toEqual([false]);
    expect((await restoreTopdir(site, { topdir: site.topdir, to, resume: true })).code).toBe(0);
  });
});
