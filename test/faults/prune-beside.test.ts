// Retention running beside backups and restores: whatever it removes, whatever lives can be restored.
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ulid } from 'ulid';
import { expect } from 'vitest';
import type { Manifest } from '../../shared/catalog/index.js';
import { mapLimited } from '../../shared/catalog/map-limited.js';
import { compareTrees } from '../../shared/compare/index.js';
import { bytePath } from '../../shared/paths/byte-path.js';
import { keepCopy, sealed } from '../helpers/chain.js';
import { restore } from '../helpers/restore.js';
import type { TestSite } from '../helpers/site.js';
import { Random, RandomTree } from '../integration/chains/random-tree.js';
import { faultTest } from './frame/fault-test.js';
import { drained } from '../integration/retention/drained.js';

const SEED = Number(process.env['BW_SEED'] ?? 1);
const CHAINS = 6;
const ROUNDS = 6;
/** File times have the resolution of the kernel's tick (4 ms): between a backup and the next change more than that passes. */
const TICK_MS = 15;

interface Chain {
  readonly name: string;
  readonly tree: RandomTree;
  readonly random: Random;
  readonly points: { readonly manifest: Manifest; readonly copy: string }[];
}

/** Prunes and erases without a pause until told to stop. Returns what it removed and erased. */
function pruneBeside(site: TestSite): { readonly stop: () => Promise<{ removed: number; erasing: number }> } {
  const total = { removed: 0, erasing: 0 };
  let going = true;
  const loop = async (): Promise<void> => {
    while (going) {
      const { removed, erasing } = await site.producer.prune();
      total.removed += removed.length;
      total.erasing += erasing;
      await delay(1);
    }
  };
  const running = loop();
  running.catch(() => undefined); // told by stop
  return {
    stop: async () => {
      going = false;
      await running;
      return total;
    },
  };
}

async function addPoint(site: TestSite, { name, tree, random, points }: Chain, round: number): Promise<void> {
  if (round > 0) await tree.change();
  const level = round === 0 ? 'full' : (random.pick(['incremental', 'incremental', 'differential', 'full'] as const) ?? 'full');
  const copy = await keepCopy(tree.root, join(site.dir, `copy-${ulid()}`));
  points.push({ copy, manifest: await sealed(site, name, level) });
}

/** A restore of any point: it gives what was there, or is refused as the backup is removed. */
async function restoreAny(site: TestSite, { points, random }: Chain): Promise<'restored' | 'removed'> {
  const point = random.pick(points);
  if (point === undefined) return 'removed';
  const target = join(site.dir, 'restore', ulid());
  const { state, reason } = await restore(site, point.manifest, { target });
  if (state === 'failed') {
    expect(reason).toMatch(/^(MANIFEST_MISSING|BACKUP_REMOVED|CHAIN_BROKEN):/);
    expect(await site.catalog.isRemoved(point.manifest.basepathId, point.manifest.backupId) || !(await lives(site, point.manifest))).toBe(true);
    return 'removed';
  }
  await expectSame(point.copy, target);
  return 'restored';
}

async function expectSame(copy: string, target: string): Promise<void> {
  expect((await compareTrees({ left: bytePath.fromText(copy), right: bytePath.fromText(target), content: 'hash' })).differences).toEqual([]);
}

async function lives(site: TestSite, { basepathId, backupId }: Manifest): Promise<boolean> {
  return site.catalog.readManifest(basepathId, backupId).then(() => true, () => false);
}

const retention = { keepLast: 2, gracePeriod: '1ms', maxRemoveShare: '100%' };

faultTest({
  fault: 'prune beside it',
  state: 'incrementals and restores run',
  name: 'retention beside backups and restores breaks no chain and no restore; what is left is restored as it was',
  site: { settings: { retention, index: { racyWindow: '1ms' }, shards: { maxFiles: 6 } } },
  timeoutMs: 300_000,
}, async (site, run) => {
  const chains = Array.from({ length: CHAINS }, (_, i): Chain => {
    const random = new Random(SEED * 1000 + i);
    const name = `seed-${SEED}-${i}`;
    return { name, random, tree: new RandomTree(join(site.topdir, name), random), points: [] };
  });
  for (const { tree } of chains) tree.make();
  const beside = pruneBeside(site);
  const restores: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await delay(TICK_MS);
    await mapLimited(chains, 3, async (chain) => {
      const [, ended] = await Promise.all([addPoint(site, chain, round), restoreAny(site, chain)]);
      restores.push(ended);
    });
  }
  const { removed, erasing } = await beside.stop();
  run.count({ fault: 'prune beside it', state: 'incrementals and restores run' }, removed - 1);
  expect(removed).toBeGreaterThan(CHAINS);
  expect(erasing).toBeGreaterThan(0);
  expect(restores).toContain('restored');
  await drained(site);
  const left = new Set((await site.manifests()).map(({ backupId }) => backupId));
  const points = new Map(chains.flatMap(({ points: all }) => all.filter(({ manifest }) => left.has(manifest.backupId)).map(({ manifest, copy }) => [manifest.backupId, copy])));
  expect(points.size).toBe(left.size);
  expect(left.size).toBeLessThan(CHAINS * ROUNDS);
  return { restored: ({ backupId }, target) => expectSame(points.get(backupId) ?? '', target) };
});
