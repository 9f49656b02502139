import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { drainCleanup } from '../../../bin/drain-cleanup.js';
import type { LocalWorker } from '../../../bin/start-local.js';
import type { Manifest } from '../../../shared/catalog/index.js';
import { mapLimited } from '../../../shared/catalog/map-limited.js';
import { hurryKitRefresh } from '../../../shared/runs/order-kit.js';
import { backUpLevel, keepCopy, replayDifferences, restoreDifferences, sealed } from '../../helpers/chain.js';
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
  readonly points: { readonly manifest: Manifest; readonly copy: string }[];
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
  for (const chain of chains) chain.tree.make();
  let other = await site.addWorker('other');
  for (let round = 0; round < ROUNDS; round++) {
    await delay(TICK_MS);
    const points = mapLimited(chains.filter((chain) => round < 2 || chain.random.below(6) < MORE_ROUNDS), 4, (chain) => addPoint(site, chain, round));
    [, other] = await Promise.all([points, restart(site, other)]);
  }
  await mapLimited(chains.filter((_, i) => i % 3 === 0), 4, (chain) => consolidate(site, chain));
  await hurryKitRefresh(site.worker.context.queues);
  for (const host of ['here', 'other']) await drainCleanup(site.worker.context.queues, host);
  const points = chains.flatMap(({ name, points: own }) => own.map((point, i) => ({ name, i, ...point })));
  expect(points.length).toBeGreaterThan(2 * count);
  const wrong = (await mapLimited(points, 3, (point) => check(site, point))).flat();
  expect(wrong).toEqual([]);
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
  const copy = await keepCopy(tree.root, join(site.dir, `copy-${ulid()}`));
  points.push({ copy, manifest: await sealed(site, name, level) });
}

/** The newest state once more, as a full that is made of its chain. */
async function consolidate(site: TestSite, { name, points }: Chain): Promise<void> {
  const last = points.at(-1);
  if (last === undefined) return;
  const { state, reason, backupId } = await backUpLevel(site, name, 'full', { consolidates: last.manifest.backupId });
  expect({ name, state, reason }).toEqual({ name, state: 'completed', reason: null });
  points.push({ copy: last.copy, manifest: await site.catalog.findBackup(backupId) });
}

async function check(site: TestSite, point: { name: string; i: number; manifest: Manifest; copy: string }): Promise<unknown[]> {
  const { name, i, manifest, copy } = point;
  const where = { name, point: i, backup: manifest.backupId, level: manifest.level, outcome: manifest.outcome };
  const ours = await restoreDifferences(site, manifest, copy);
  const stock = await replayDifferences(site, manifest, copy);
  const wrong = [ours.length > 0 ? { ...where, by: 'bw-bkup', ours } : null, stock.length > 0 ? { ...where, by: 'dar', stock } : null, manifest.outcome !== 'clean' ? where : null];
  return wrong.filter((each) => each !== null);
}
