import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { drainCleanupAndKits } from '../../../bin/drain-cleanup.js';
import type { LocalWorker } from '../../../bin/start-local.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { mapLimited } from '../../../shared/catalog/map-limited.js';
import type { Difference } from '../../../shared/compare/index.js';
import { backUpLevel, differences, keepCopy, replay, restoreWhole, sealed } from '../../helpers/chain.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { Random, RandomTree } from './random-tree.js';

/** More by BW_CHAINS; another course by BW_SEED. */
const CHAINS = Number(process.env['BW_CHAINS'] ?? 200);
const SEED = Number(process.env['BW_SEED'] ?? 1);
const BATCH = 25;
/** Longer chains in the long run, which is asked for by number. */
const ROUNDS = CHAINS > 200 ? 5 : 3;
/** Of six chains so many go on with each round after the second. */
const MORE_ROUNDS = CHAINS > 200 ? 4 : 1;
/** File times have the resolution of the kernel's tick (4 ms): between a backup and the next change more than that passes. */
const TICK_MS = 15;

/** After the first backups of a round were taken, and before the last ones. */
const RESTART_MS = 300;

interface Chain {
  readonly name: string;
  readonly tree: RandomTree;
  readonly random: Random;
  readonly points: Point[];
}

/** A backup, and what there was to be saved: a directory of this name below `copies`. */
interface Point {
  readonly name: string;
  readonly manifest: Manifest;
}

/** Declares the tests of one part of the chains, so that parts can run side by side. */
export function randomChains(part: number, parts: number): void {
  const [from, to] = [part, part + 1].map((at) => Math.round((CHAINS * at) / parts)) as [number, number];
  describe('random chains', () => {
    for (let first = from; first < to; first += BATCH) {
      const count = Math.min(BATCH, to - first);
      it(`${first + 1} to ${first + count}: a restore at every point, by bw-bkup and by stock dar, gives what was there`, () => chainsOf(first, count), 600_000);
    }
  });
}

async function chainsOf(first: number, count: number): Promise<void> {
  const site = await testSite({ settings: { index: { racyWindow: '1ms' }, shards: { maxFiles: 12 } } });
  const chains = Array.from({ length: count }, (_, i) => startChain(site, SEED * 100_000 + first + i));
  await mkdir(join(site.dir, 'copies'));
  for (const chain of chains) chain.tree.make();
  let other = await site.addWorker('other');
  for (let round = 0; round < ROUNDS; round++) {
    await delay(TICK_MS);
    const points = mapLimited(chains.filter((chain) => round < 2 || chain.random.below(6) < MORE_ROUNDS), 4, (chain) => addPoint(site, chain, round));
    [, other] = await Promise.all([points, restart(site, other)]);
  }
  await mapLimited(chains.filter((_, i) => i % 3 === 0), 4, (chain) => consolidate(site, chain));
  for (const host of ['here', 'other']) await drainCleanupAndKits(site.worker.context.queues, host);
  const points = chains.flatMap((chain) => chain.points);
  expect(points.length).toBeGreaterThan(2 * count);
  expect(await check(site, points)).toEqual([]);
}

/** Interrupts whatever this worker is at in the middle of a round, as a restart of its service does. */
async function restart(site: TestSite, worker: LocalWorker): Promise<LocalWorker> {
  await delay(RESTART_MS);
  await worker.close();
  return site.addWorker('other');
}

function startChain(site: TestSite, seed: number): Chain {
  const random = new Random(seed);
  const name = `seed-${seed}`;
  return { name, random, tree: new RandomTree(join(site.topdir, name), random), points: [] };
}

function pointName({ name, points }: Chain): string {
  return `${name}-${points.length}`;
}

/** Changes the tree and backs it up; in some rounds it also changes while it is being saved, and is then backed up once more at rest. */
async function addPoint(site: TestSite, chain: Chain, round: number): Promise<void> {
  const { tree, random, name, points } = chain;
  if (round > 0) await tree.change();
  const level = round === 0 ? 'full' : (random.pick(['incremental', 'incremental', 'incremental', 'differential', 'full'] as const) ?? 'incremental');
  if (round > 0 && random.below(5) === 0) {
    const disturbed = backUpLevel(site, name, level);
    for (let i = 0; i < 5; i++) {
      await delay(5);
      await tree.change();
    }
    const { state, reason } = await disturbed;
    expect({ name, round, state, reason }).toEqual({ name, round, state: 'completed', reason: null });
    await delay(TICK_MS);
  }
  const point = pointName(chain);
  await keepCopy(tree.root, join(site.dir, 'copies', point));
  points.push({ name: point, manifest: await sealed(site, name, level) });
}

/** The newest state once more, as a full that is made of its chain. */
async function consolidate(site: TestSite, chain: Chain): Promise<void> {
  const { name, points } = chain;
  const last = points.at(-1);
  if (last === undefined) return;
  const { state, reason, backupId } = await backUpLevel(site, name, 'full', { consolidates: last.manifest.backupId });
  expect({ name, state, reason }).toEqual({ name, state: 'completed', reason: null });
  const point = pointName(chain);
  await keepCopy(join(site.dir, 'copies', last.name), join(site.dir, 'copies', point));
  points.push({ name: point, manifest: await site.catalog.findBackup(backupId) });
}

/** Restores every point by the product and by stock dar. All are compared in one go: a comparison of its own for each would start most of the programs of this test. */
async function check(site: TestSite, points: readonly Point[]): Promise<unknown[]> {
  const [copies, ours, stock] = [join(site.dir, 'copies'), join(site.dir, 'restore', 'ours'), join(site.dir, 'restore', 'stock')];
  for (const dir of [ours, stock]) await mkdir(dir);
  await mapLimited(points, 3, async ({ name, manifest }) => {
    await restoreWhole(site, manifest, join(ours, name));
    await replay(site, manifest, join(stock, name));
  });
  const byOurs = await differencesBelow(copies, ours);
  const byStock = await differencesBelow(copies, stock);
  expect(await readdir(copies)).toHaveLength(points.length);
  const unclean = points.filter(({ manifest }) => manifest.outcome !== 'clean').map(({ name, manifest }) => ({ name, backup: manifest.backupId, outcome: manifest.outcome }));
  return [...byOurs.map((each) => ({ by: 'bw-bkup', ...each })), ...byStock.map((each) => ({ by: 'dar', ...each })), ...unclean];
}

/** But for the directories themselves that hold the points. */
async function differencesBelow(expected: string, restored: string): Promise<Difference[]> {
  return (await differences(expected, restored)).filter(({ path }) => path !== '.');
}
