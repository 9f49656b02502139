import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { TopdirConfig } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { FindSlots } from '../../shared/index/find-slots.js';
import { pathOfLine } from '../../shared/index/format.js';
import { inspectRoot } from '../../shared/index/inspect-root.js';
import { readCompleteLines } from '../../shared/index/line-file.js';
import { planShards, type ShardPlan } from '../../shared/index/plan-shards.js';
import { scan } from '../../shared/index/scan.js';
import { expectedMemory, expectedSlices } from '../../shared/index/shard-limits.js';
import type { PlannedShard } from '../../shared/index/shard-files.js';
import { readRoot, relativeToTopdir } from '../../shared/paths/basepath-root.js';
import { bytePath, showPath, type BytePath } from '../../shared/paths/byte-path.js';
import { fromPathJson, pathJsonSchema, toPathJson } from '../../shared/paths/path-json.js';
import { limitsOf, type BasepathLimits } from '../../shared/runs/limits-of.js';
import { createProgress, formatBytes, formatCount, table } from '../../shared/terminal/index.js';
import { resolveBasepath } from './find-basepath.js';
import type { PlanOptions } from './plan-command.js';
import { plural, print, printJson, say } from './print.js';
import { usage, type Site } from './site.js';
import { catchStop } from './stop-signal.js';
import { scanLine } from './sum-progress.js';

const count = z.number().int().nonnegative();
const bigCount = z.string().regex(/^\d+$/);

export const shardsOutput = z.strictObject({
  v: z.literal(1),
  /** Null for a directory that no scan has seen yet. */
  basepathId: z.string().nullable(),
  path: pathJsonSchema,
  records: count,
  directories: count,
  sourceBytes: bigCount,
  hardlinkSets: count,
  exceptions: count,
  vanished: count,
  limits: z.strictObject({ files: count, bytes: count, memoryBytes: count, bytesPerFile: count, sliceBytes: count }),
  shards: z.array(
    z.strictObject({
      number: count,
      /** awkward: names that must be given to dar one by one. */
      kind: z.enum(['plain', 'awkward']),
      files: count,
      directories: count,
      bytes: bigCount,
      first: pathJsonSchema,
      last: pathJsonSchema,
      memoryBytes: count,
      slices: count,
    }),
  ),
});

type Output = z.infer<typeof shardsOutput>;

/** `bw-bkup plan --shards BASEPATH`: scans it as a full would and prints its shards; nothing is left behind. Throws BASEPATH_UNKNOWN, SOURCE_*, INDEX_VOID. */
export async function planShardsCommand(site: Site, name: string | undefined, options: PlanOptions): Promise<number> {
  if (name === undefined) throw usage('plan --shards needs a basepath', 'bw-bkup plan --shards BASEPATH');
  const { basepath, topdir } = await findSource(site, name);
  const stop = catchStop((signal) => { say(`${signal}: stopping the scan.`); });
  const workDir = await mkdtemp(join(tmpdir(), 'bw-plan-'));
  try {
    const output = await planned({ site, basepath, topdir, workDir, signal: stop.signal, quiet: options.json === true });
    if (options.json === true) printJson(shardsOutput, output);
    else printPeople(output);
    return EXIT.ok;
  } catch (thrown) {
    if (stop.signal.aborted) return stop.exitCode();
    throw thrown;
  } finally {
    await rm(workDir, { recursive: true, force: true });
    stop.release();
  }
}

interface Source {
  readonly basepathId: string | null;
  readonly path: BytePath;
}

/** A basepath on record, or a directory that will be one at the next scan. */
async function findSource(site: Site, name: string): Promise<{ basepath: Source; topdir: TopdirConfig }> {
  try {
    const basepath = await resolveBasepath(site, name);
    const topdir = site.config.topdirs.find(({ path }) => path === basepath.topdir);
    if (topdir === undefined) throw usage(`topdir ${basepath.topdir} is not configured any more`, 'See `bw-bkup config show`.');
    return { basepath, topdir };
  } catch (thrown) {
    if (!(thrown instanceof BwError) || thrown.code !== 'BASEPATH_UNKNOWN') throw thrown;
    const path = bytePath.fromText(resolve(name));
    const topdir = site.config.topdirs.find((each) => isBasepath(each, path));
    if (topdir === undefined) throw thrown;
    return { basepath: { basepathId: null, path }, topdir };
  }
}

function isBasepath(topdir: TopdirConfig, path: BytePath): boolean {
  try {
    relativeToTopdir(topdir, path);
    return true;
  } catch {
    return false; // its only error: it is none
  }
}

interface Request {
  readonly site: Site;
  readonly basepath: Source;
  readonly topdir: TopdirConfig;
  readonly workDir: string;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
}

async function planned(request: Request): Promise<Output> {
  const { site, basepath, topdir, workDir } = request;
  const { basepathId } = basepath;
  const manifests = basepathId === null ? new Map<string, never>() : await site.catalog.backupsOf(basepathId, (error) => { site.logger.warn({ err: error }, 'manifest not usable'); });
  const bounds = limitsOf(site.config, topdir, manifests.values());
  const { plan, vanished } = await scanAndPlan(request, bounds);
  const { records, directories, sourceBytes, hardlinkSets, exceptions } = plan.counts;
  const shards: Output['shards'] = [];
  for (const shard of plan.shards) shards.push(await describe(workDir, shard, topdir, bounds.bytesPerFile));
  const { maxFiles: files, maxBytes: bytes } = bounds.limits;
  const limits = { files, bytes, memoryBytes: site.config.shardMemoryBytes, bytesPerFile: bounds.bytesPerFile, sliceBytes: topdir.dar.sliceBytes };
  return { v: 1, basepathId, path: toPathJson(basepath.path), records, directories, sourceBytes, hardlinkSets, exceptions, vanished, limits, shards };
}

async function scanAndPlan({ basepath, topdir, workDir, signal, quiet }: Request, { limits }: BasepathLimits): Promise<{ plan: ShardPlan; vanished: number }> {
  const root = readRoot(topdir, basepath.path);
  const { fsType, fsId } = await inspectRoot(root);
  const parallel = { slots: new FindSlots(), filesystem: `${fsType} ${fsId}`, concurrency: topdir.scan.concurrency };
  const progress = showFound(basepath.basepathId ?? showPath(basepath.path), quiet);
  try {
    const found = await scan({ root, exclude: topdir.exclude, tempDir: workDir, allowEmpty: true, signal, parallel, onProgress: progress.found, inactivityMs: topdir.dar.inactivityTimeoutMs });
    const plan = await planShards({ root, records: found.records, limits, outDir: workDir, known: found.exceptions, signal });
    return { plan, vanished: found.vanished };
  } finally {
    progress.end();
  }
}

/** A line on standard error that counts. */
function showFound(basepathId: string, quiet: boolean): { found: (paths: number) => void; end: () => void } {
  if (quiet) return { found: () => undefined, end: () => undefined };
  const isTty = process.stderr.isTTY;
  const progress = createProgress({ write: (text) => process.stderr.write(text), isTty, ...(isTty ? { columns: process.stderr.columns || 80 } : {}), nowMs: () => performance.now() });
  const startedAt = new Date().toISOString();
  const found = (paths: number): void => {
    const run = { basepathId, phase: 'planning' as const, records: 0, bytes: '0', startedAt, done: { found: paths, entries: 0, doneBytes: 0 } };
    progress.show(scanLine([run], Date.now()) ?? '');
  };
  return { found, end: () => { progress.end(); } };
}

async function describe(workDir: string, shard: PlannedShard, topdir: TopdirConfig, bytesPerFile: number): Promise<Output['shards'][number]> {
  const { number, kind, records, directories, bytes, file } = shard;
  const { first, last } = await ends(join(workDir, file));
  const expected = { memoryBytes: Math.round(expectedMemory(records, bytesPerFile)), slices: expectedSlices(BigInt(bytes), topdir.dar.sliceBytes) };
  return { number, kind, files: records - directories, directories, bytes, first: toPathJson(first), last: toPathJson(last), ...expected };
}

/** The first and the last path of a records file, which has one at least. */
async function ends(file: string): Promise<{ first: BytePath; last: BytePath }> {
  let first: string | undefined;
  let last = '';
  for await (const lines of readCompleteLines(file)) {
    first ??= lines[0];
    last = lines.at(-1) ?? last;
  }
  return { first: pathOfLine(first ?? last), last: pathOfLine(last) };
}

function printPeople(output: Output): void {
  const { records, sourceBytes, shards, limits, hardlinkSets, exceptions } = output;
  const shown = (path: Output['shards'][number]['first']): string => showPath(fromPathJson(path));
  if (shards.length > 0) {
    print(
      table(shards, [
        { title: 'shard', align: 'right', cell: ({ number }) => String(number) },
        { title: 'files', align: 'right', cell: ({ files }) => formatCount(files) },
        { title: 'directories', align: 'right', cell: ({ directories }) => formatCount(directories) },
        { title: 'size', align: 'right', cell: ({ bytes }) => formatBytes(BigInt(bytes)) },
        { title: 'slices', align: 'right', cell: ({ slices }) => formatCount(slices) },
        { title: 'memory', align: 'right', cell: ({ memoryBytes }) => formatBytes(memoryBytes) },
        { title: 'kind', cell: ({ kind }) => kind },
        { title: 'from', cell: ({ first }) => shown(first) },
        { title: 'to', cell: ({ last }) => shown(last) },
      ]),
    );
  }
  print(`${plural(records, 'entry', 'entries')}, ${formatBytes(BigInt(sourceBytes))}, ${plural(hardlinkSets, 'hard-link set')}, ${plural(exceptions, 'exception')}: ${plural(shards.length, 'shard')}.`);
  print(`At most ${formatCount(limits.files)} files (${limits.bytesPerFile} bytes of ${formatBytes(limits.memoryBytes)} each) and ${formatBytes(limits.bytes)} in one.`);
}
