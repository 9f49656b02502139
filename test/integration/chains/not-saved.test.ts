import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import { readStateRecords } from '../../../shared/index/state.js';
import { recordPath } from '../../../shared/index/record.js';
import type { Difference } from '../../../shared/compare/index.js';
import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import { resolveProgram } from '../../../shared/process/launch.js';
import { restoreResultSchema } from '../../../shared/runs/restore-result.js';
import { differences, keepCopy, replayDifferences, restoreDifferences, sealed } from '../../helpers/chain.js';
import { restore } from '../../helpers/restore.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { hookDar } from '../bad-input/dar-hooks.js';
import { exceptionsOf } from '../bad-input/exceptions-of.js';

const SETTINGS = { index: { racyWindow: '1ms' } };

async function start(settings: Readonly<Record<string, unknown>> = {}): Promise<{ site: TestSite; root: string; full: Manifest }> {
  const site = await testSite({ settings: { ...SETTINGS, ...settings } });
  const root = join(site.topdir, 'dora');
  for (const dir of ['closed/below', 'open']) mkdirSync(join(root, dir), { recursive: true });
  for (const name of ['closed/a', 'closed/below/b', 'open/c', 'open/draft.tmp']) writeFileSync(join(root, name), `first ${name}`);
  const full = await sealed(site, 'dora', 'full');
  await delay(20);
  return { site, root, full };
}

async function refreshKit(site: TestSite): Promise<void> {
  await drainCleanupAndKits(site.worker.context.queues, 'here');
}

/** Without the basepath directory, whose own metadata is saved before or after it is changed. */
async function differencesBelow(found: Promise<readonly Difference[]>): Promise<string[][]> {
  return (await found).filter(({ path }) => path !== '.').map(({ path, field }) => [showPath(path), field]).sort();
}

async function expectPoint(site: TestSite, manifest: Manifest, expected: string): Promise<void> {
  await refreshKit(site);
  expect(await restoreDifferences(site, manifest, expected)).toEqual([]);
  expect(await replayDifferences(site, manifest, expected)).toEqual([]);
}

async function flagsIn(site: TestSite, manifest: Manifest): Promise<Record<string, string>> {
  const chain = await site.catalog.chain(manifest);
  const flags: Record<string, string> = {};
  for await (const records of readStateRecords(chain.map((each) => ({ file: site.catalog.file(each, each.index), backupId: each.backupId })))) {
    for (const record of records) if (record.flags !== '') flags[recordPath(record)] = record.flags;
  }
  return flags;
}

describe('what a later backup cannot save', () => {
  it('vanished before it was read: the chain keeps what it holds, flagged, until it is seen to be gone', async () => {
    const { site, root } = await start();
    const before = await keepCopy(root, join(site.dir, 'before'));
    writeFileSync(join(root, 'open/c'), 'second');
    writeFileSync(join(root, 'open/new'), 'new');
    await hookDar(site.dir, { before: `rm ${join(root, 'open/c')} ${join(root, 'open/new')}` });
    const manifest = await sealed(site, 'dora', 'incremental');
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { vanished: 2 } });
    expect(await flagsIn(site, manifest)).toEqual({ 'open/c': 'x' });
    vi.unstubAllEnvs();
    const target = join(site.dir, 'restore', 'held');
    expect(await restore(site, manifest, { target, paths: ['open/c'] })).toMatchObject({ state: 'completed' });
    expect(before).not.toBe(target);
    await delay(20);
    const after = await keepCopy(root, join(site.dir, 'after'));
    const next = await sealed(site, 'dora', 'incremental');
    expect(next).toMatchObject({ counts: { removed: 1 } });
    expect(await flagsIn(site, next)).toEqual({});
    await expectPoint(site, next, after);
  });

  it('below a directory that could not be listed: nothing is removed, all is carried over, and saved when it can be', async () => {
    const { site, root } = await start();
    const bin = join(site.dir, 'bin');
    mkdirSync(bin);
    const real = resolveProgram('find');
    writeFileSync(join(bin, 'find'), `#!/bin/sh\ncase " $* " in *"-maxdepth 2048"*) ;; *) exec ${real} "$@" ;; esac\n${real} "$@" | grep -zvE '^\\./closed(//[^.]|/[^/])'\necho "find: './closed': Permission denied" >&2\nexit 1\n`, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
    const copy = await keepCopy(root, join(site.dir, 'copy'));
    rmSync(join(root, 'open/c'));
    const manifest = await sealed(site, 'dora', 'incremental');
    vi.unstubAllEnvs();
    expect(manifest).toMatchObject({ outcome: 'with-exceptions', counts: { removed: 1 } });
    expect(await flagsIn(site, manifest)).toEqual({ closed: 'u', 'closed/a': 'x', 'closed/below': 'x', 'closed/below/b': 'x' });
    rmSync(join(copy, 'open/c'));
    await delay(20);
    const after = await keepCopy(root, join(site.dir, 'after'));
    const next = await sealed(site, 'dora', 'incremental');
    expect(next).toMatchObject({ outcome: 'clean', counts: { removed: 0 } });
    expect(await flagsIn(site, next)).toEqual({});
    await expectPoint(site, next, after);
  });

  it('a directory that became a link before it was read: the chain keeps what it holds of it, named, and the next backup saves the link', async () => {
    const { site, root } = await start();
    const before = await keepCopy(root, join(site.dir, 'before'));
    writeFileSync(join(root, 'closed/a'), 'second');
    writeFileSync(join(root, 'open/c'), 'second');
    await hookDar(site.dir, { before: `mv ${root}/closed ${site.dir}/away\nln -s ${site.dir}/away ${root}/closed\nchown -h 1:2 ${root}/closed` });
    const manifest = await sealed(site, 'dora', 'incremental');
    vi.unstubAllEnvs();
    expect(manifest).toMatchObject({ outcome: 'with-exceptions', counts: { exceptions: 1, vanished: 1 } });
    expect(await exceptionsOf(site.catalog, manifest)).toMatchObject([{ path: 'closed', reason: 'changed during the backup' }]);
    expect(await flagsIn(site, manifest)).toEqual({ 'closed/a': 'x' });
    const wanted = [['open/c', 'mtime'], ['open/c', 'size']];
    const target = join(site.dir, 'restore', 'held');
    const ended = await restore(site, manifest, { target });
    expect(restoreResultSchema.parse(ended.returnValue).problems).toMatchObject([{ problem: expect.stringContaining('sealed with 1 exceptions') as string }]);
    expect(await differencesBelow(differences(before, target))).toEqual(wanted);
    await refreshKit(site);
    expect(await differencesBelow(replayDifferences(site, manifest, before))).toEqual(wanted);
    await delay(20);
    const after = await keepCopy(root, join(site.dir, 'after'));
    const next = await sealed(site, 'dora', 'incremental');
    expect(next).toMatchObject({ outcome: 'clean' });
    expect(await flagsIn(site, next)).toEqual({});
    await expectPoint(site, next, after);
  });

  it('a directory that is a link only while it is read: nothing below it is lost, whoever restores', async () => {
    const { site, root } = await start({ dar: { sliceSize: '64MiB', retryOnChange: 0 } });
    writeFileSync(join(root, 'closed/a'), 'second');
    await hookDar(site.dir, { before: `mv ${root}/closed ${site.dir}/away\nln -s ${site.dir}/away ${root}/closed`, after: `rm ${root}/closed\nmv ${site.dir}/away ${root}/closed` });
    const manifest = await sealed(site, 'dora', 'incremental');
    vi.unstubAllEnvs();
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { exceptions: 0, vanished: 0 } });
    const after = await keepCopy(root, join(site.dir, 'after'));
    expect(await differencesBelow(restoreDifferences(site, manifest, after))).toEqual([]);
    await refreshKit(site);
    expect(await differencesBelow(replayDifferences(site, manifest, after))).toEqual([]);
  });

  it('excluded meanwhile: it stays in the state, flagged, and is saved again when it is not excluded any more', async () => {
    const { site, root } = await start();
    const exclude = site.config.topdirs[0]?.exclude as string[];
    exclude.push('*.tmp');
    const copy = await keepCopy(root, join(site.dir, 'copy'));
    writeFileSync(join(root, 'open/draft.tmp'), 'changed while excluded');
    const manifest = await sealed(site, 'dora', 'incremental');
    expect(manifest).toMatchObject({ outcome: 'clean', archives: [], counts: { removed: 0 } });
    expect(await flagsIn(site, manifest)).toEqual({ 'open/draft.tmp': 'e' });
    await expectPoint(site, manifest, copy);
    exclude.pop();
    await delay(20);
    const after = await keepCopy(root, join(site.dir, 'after'));
    const next = await sealed(site, 'dora', 'incremental');
    expect(await flagsIn(site, next)).toEqual({});
    await expectPoint(site, next, after);
  });
});

describe('one path out of a chain', () => {
  it('comes from the archive that holds its newest state, and no other is opened', async () => {
    const { site, root, full } = await start();
    writeFileSync(join(root, 'closed/a'), 'second');
    const manifest = await sealed(site, 'dora', 'incremental');
    // Without the objects of the full nothing that needs them could be restored.
    rmSync(join(site.dir, 'lts', full.basepathId, full.backupId), { recursive: true });
    const target = join(site.dir, 'restore', 'one');
    expect(await restore(site, manifest, { target, paths: [bytePath.fromText('closed/a')] })).toMatchObject({ state: 'completed', returnValue: { archives: 1, outcome: 'clean' } });
    const failed = await restore(site, manifest, { target: join(site.dir, 'restore', 'two'), paths: ['open/c'] });
    expect(failed).toMatchObject({ state: 'failed' });
  });
});
