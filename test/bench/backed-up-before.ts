import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runSteps } from './baseline.js';
import { BenchSite } from './bench-site.js';
import type { CaseOptions } from './result.js';
import { installedRivals, type Rival } from './rivals.js';
import { makeSmallTree, type SmallTree } from './trees.js';

/** The default of 60 s would make much of a tree this young count as changed. */
export const RACY_WINDOW_MS = 1000;

export interface BackedUp {
  readonly site: BenchSite;
  readonly tree: string;
  /** Where the rivals have what they wrote. */
  readonly out: string;
  readonly rivals: readonly Rival[];
}

/** A tree of small files that the product and every rival have backed up once. */
export async function backedUpBefore({ dir, say, atEnd }: Pick<CaseOptions, 'dir' | 'say' | 'atEnd'>, shape: SmallTree): Promise<BackedUp> {
  const top = join(dir, 'top');
  const [tree, out] = [join(top, 'basepath'), join(dir, 'rivals')];
  say(`making ${shape.directories * shape.filesPerDirectory} files`);
  await makeSmallTree(tree, shape);
  await mkdir(out);
  await delay(RACY_WINDOW_MS);
  const site = await BenchSite.open({ dir: join(dir, 'site'), top, settings: { index: { racyWindow: `${RACY_WINDOW_MS}ms` } } });
  atEnd(() => site.close());
  say('the first backup of each');
  await site.backUp({ keep: true });
  const rivals = await installedRivals(tree, out);
  for (const { prepare, first } of rivals) await runSteps([...(prepare === null ? [] : [prepare]), first]);
  return { site, tree, out, rivals };
}
