import { mkdirSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DarConfig } from '../../../shared/config/config.js';
import { listCatalogue } from '../../../shared/dar/list-catalogue.js';
import { writeDarList } from '../../../shared/index/dar-list.js';
import { messageLookup } from '../../../shared/index/dar-messages.js';
import { readRecordFile } from '../../../shared/index/line-file.js';
import { planShards, type ShardPlan } from '../../../shared/index/plan-shards.js';
import { ShardReconciler, type RoundResult, type ShardOutcome } from '../../../shared/index/reconcile.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { scan, type Scan } from '../../../shared/index/scan.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';
import { collect } from '../../unit/shared/index/make-record.js';

export const DAR: DarConfig = {
  sliceBytes: 1e9,
  compression: 'none', catalogueCompression: 'zstd:1',
  encryption: null,
  excludeXattrs: [],
  storeOnly: [],
  retryOnChange: 1,
  inactivityTimeoutMs: 1_800_000,
};

/** A source tree, a work directory, and what a backup of it does step by step, with everything real. */
export interface ShardRun {
  readonly tree: string;
  readonly root: BytePath;
  readonly work: string;
  readonly scan: () => Promise<Scan>;
  readonly plan: (maxFiles?: number) => Promise<ShardPlan>;
  /** dar over a records file; `uid`: as this user. Returns the archive's base and what dar said. */
  readonly archive: (recordsFile: string, name: string, uid?: number) => Promise<Archived>;
  readonly reconciler: (recordsFile: string, sorted?: boolean) => ShardReconciler;
}

export interface Archived {
  readonly base: string;
  readonly content: (archiveKey: string) => Parameters<ShardReconciler['addArchive']>[0];
}

export async function shardRun(): Promise<ShardRun> {
  const dir = await workspace();
  const tree = join(dir, 'tree');
  const work = join(dir, 'work');
  for (const path of [tree, work]) mkdirSync(path);
  const root = bytePath.fromText(tree);
  const scanTree = (): Promise<Scan> => scan({ root, exclude: [], tempDir: work });
  return {
    tree,
    root,
    work,
    scan: scanTree,
    plan: async (maxFiles = 1000) => {
      const found = await scanTree();
      return planShards({ root, records: found.records, known: found.exceptions, limits: { maxFiles, maxBytes: 1e12 }, outDir: work });
    },
    archive: (recordsFile, name, uid) => archive({ root, work, recordsFile, name, uid: uid ?? 0 }),
    reconciler: (recordsFile, sorted = true) => new ShardReconciler({ root, recordsFile, sorted, hasParent: false, workDir: work, name: 'shard-0001.t1' }),
  };
}

async function archive(spec: { root: BytePath; work: string; recordsFile: string; name: string; uid: number }): Promise<Archived> {
  const { root, work, recordsFile, name, uid } = spec;
  const listFile = join(work, `${name}.list`);
  const { includePaths } = await writeDarList({ recordsFile, listFile });
  const base = join(work, name);
  if (uid !== 0) await chmod(listFile, 0o644);
  const includes = includePaths.flatMap((path) => ['-g', bytePath.toBuffer(path)]);
  const args = ['-c', base, '-R', bytePath.toBuffer(root), '-[', listFile, ...includes, '-Q', '-N', '-az', '--fsa-scope=none'];
  const user = uid === 0 ? [] : [`--reuid=${uid}`, '--clear-groups'];
  const result = await run({ program: 'setpriv', args: [...user, 'dar', ...args] }, { okCodes: [0, 5, 11] });
  const said = `${result.stdout.toString('latin1')}\n${result.stderr}`;
  const messageFor = messageLookup(said.split('\n').map((line) => Buffer.from(line, 'latin1')), root);
  return { base, content: (archiveKey) => ({ archiveKey, entries: listCatalogue(base, DAR, { secretsDir: work }), messageFor }) };
}

/** Rounds as a worker does them, at most `rounds`; `between` may change the tree before each archive (0 first). */
export async function backUp(
  shard: ShardRun,
  options: { rounds?: number; between?: (round: number) => void; after?: (round: number) => void } = {},
): Promise<{ outcome: ShardOutcome; rounds: RoundResult[] }> {
  const plan = await shard.plan();
  const planned = plan.shards[0];
  if (planned === undefined) throw new Error('nothing to save');
  const recordsFile = join(shard.work, planned.file);
  const reconciler = shard.reconciler(recordsFile, planned.sorted);
  const rounds: RoundResult[] = [];
  let next: string | null = recordsFile;
  try {
    for (let round = 0; next !== null && round < (options.rounds ?? 3); round += 1) {
      options.between?.(round);
      const made = await shard.archive(next, `a${round}`);
      options.after?.(round);
      const result = await reconciler.addArchive(made.content(`1.${round + 1}`));
      rounds.push(result);
      next = result.retry?.recordsFile ?? null;
    }
    return { outcome: await reconciler.finish(), rounds };
  } finally {
    await reconciler.close();
  }
}

export async function settledRecords(outcome: ShardOutcome): Promise<Map<string, IndexRecord>> {
  const records = await collect(readRecordFile(outcome.settledFile));
  return new Map(records.map((record) => [recordPath(record), record]));
}

export async function exceptionsOf(file: string | null): Promise<{ path: unknown; reason: string; detail: string }[]> {
  if (file === null) return [];
  const text = await readFile(file, 'utf8');
  return text.trimEnd().split('\n').map((line) => JSON.parse(line) as { path: unknown; reason: string; detail: string });
}
