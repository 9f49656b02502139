import { basename, join } from 'node:path';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import type { TopdirConfig } from '../../../shared/config/config.js';
import { compareStates, type StateDifference } from '../../../shared/index/compare-states.js';
import { LineWriter } from '../../../shared/index/line-file.js';
import type { RootFacts } from '../../../shared/index/inspect-root.js';
import { planShards, type ShardPlan } from '../../../shared/index/plan-shards.js';
import { scan, type Scan } from '../../../shared/index/scan.js';
import type { CutLimits } from '../../../shared/index/shard-cutter.js';
import type { BytePath } from '../../../shared/paths/byte-path.js';
import type { WorkerContext } from '../../context.js';
import type { PlanFile } from './plan-file.js';

/** What is there, and what of it is to be saved. */
export type Survey = Pick<PlanFile, 'counts' | 'metadata' | 'parent'> & { readonly found: Scan; readonly shards: ShardPlan };

export interface SurveyRequest {
  readonly context: WorkerContext;
  readonly topdir: TopdirConfig;
  /** Absolute root that is read. */
  readonly root: BytePath;
  readonly facts: RootFacts;
  /** Of each shard. */
  readonly limits: CutLimits;
  /** The chain to compare with, the full first; empty: everything is to be saved. */
  readonly chain: readonly Manifest[];
  readonly workDir: string;
  readonly allowEmpty: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (paths: number) => void;
}

/** Lists the source, compares it with the state of the chain, and cuts what is to be saved into shards. Throws SOURCE_*, INDEX_*, SORT_FAILED. */
export async function survey(request: SurveyRequest): Promise<Survey> {
  const { context, topdir, root, facts, workDir: tempDir, allowEmpty, signal, onProgress } = request;
  const { slots, leave } = context.sources.scanning(topdir.path, root, context.finds);
  const concurrency = context.limits.get('scan.concurrency', { topdir: topdir.path }) ?? topdir.scan.concurrency;
  const parallel = { slots, filesystem: `${facts.fsType} ${facts.fsId}`, concurrency };
  const { inactivityTimeoutMs: inactivityMs } = topdir.dar;
  const found = await scan({ root, exclude: topdir.exclude, tempDir, allowEmpty, signal, onProgress, parallel, inactivityMs }).finally(leave);
  return request.chain.length === 0 ? surveyAll(request, found) : surveyDifference(request, found);
}

async function surveyAll(request: SurveyRequest, found: Scan): Promise<Survey> {
  const shards = await cut(request, found, found.records);
  const { records, directories, sourceBytes, exceptions } = shards.counts;
  return { found, shards, metadata: true, parent: null, counts: { records, directories, sourceBytes, vanished: found.vanished, exceptions, changed: 0, removed: 0 } };
}

async function surveyDifference(request: SurveyRequest, found: Scan): Promise<Survey> {
  const { context, chain, topdir, workDir, signal } = request;
  const layers = chain.map((manifest) => ({
    file: context.catalog.file(manifest, manifest.index),
    backupId: manifest.backupId,
    capturedAtMs: Date.parse(manifest.capturedAt),
  }));
  const { lines, unlisted } = found;
  const difference = await compareStates({ layers, lines, unlisted, exclude: topdir.exclude, racyWindowMs: topdir.index.racyWindowMs, workDir, signal });
  const shards = await cut(request, found, difference.changed);
  const { records, directories, sourceBytes, changed, removed } = difference.counts;
  const counts = { records, directories, sourceBytes, vanished: found.vanished, exceptions: shards.counts.exceptions, changed, removed };
  return { found, shards, metadata: difference.rootChanged, counts, parent: await parentOf(chain, difference, workDir) };
}

function cut({ root, limits, workDir: outDir, signal }: SurveyRequest, found: Scan, records: Scan['records']): Promise<ShardPlan> {
  return planShards({ root, records, limits, outDir, known: found.exceptions, signal });
}

async function parentOf(chain: readonly Manifest[], difference: StateDifference, workDir: string): Promise<PlanFile['parent']> {
  const parent = chain.at(-1) as Manifest;
  const removedFile = await writeRemoved(difference, join(workDir, 'removed.paths'));
  const { keptFile, oldFile, counts } = difference;
  const clearsAttributes = counts.existing > 0 && chain.some(({ archives }) => archives.some(({ kind, withEa }) => kind === 'data' && withEa !== 0));
  return { backupId: parent.backupId, depth: parent.depth + 1, keptFile: basename(keptFile), oldFile: basename(oldFile), removedFile, clearsAttributes };
}

/** Its name, or null when nothing is to be removed. */
async function writeRemoved({ removed }: StateDifference, file: string): Promise<string | null> {
  const out = await LineWriter.create(file);
  try {
    for await (const paths of removed) {
      for (const path of paths) out.add(path);
      await out.drain();
    }
    const { lines } = out;
    await out.end();
    return lines === 0 ? null : basename(file);
  } finally {
    await out.close();
  }
}
