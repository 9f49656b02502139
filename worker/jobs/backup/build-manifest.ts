import type { Config, TopdirConfig } from '../../../shared/config/config.js';
import {
  MANIFEST_FORMAT,
  MANIFEST_VERSION,
  type Manifest,
  type ManifestArchive,
  type ManifestSlice,
  type ObjectLocation,
  type StoredFile,
} from '../../../shared/catalog/manifest.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import type { BackupJob } from '../../../shared/queues/job-data.js';
import type { StoredItem } from '../../../shared/runs/item-store.js';
import type { MadeArchive, MadeFile, MadeSlice, ShardResult } from '../../../shared/runs/shard-result.js';
import type { PlanFile } from './plan-file.js';

export interface ManifestInput {
  readonly job: BackupJob;
  readonly plan: PlanFile;
  readonly results: readonly ShardResult[];
  readonly items: ReadonlyMap<string, StoredItem>;
  /** Where it goes. */
  readonly ltsNames: readonly string[];
  /** How many of these must have each slice; absent: all. */
  readonly toSeal?: number;
  /** Of these, where our own files are objects of their own; elsewhere they go into a bundle when the backup is sealed. */
  readonly plainLts: readonly string[];
  /** Those that should have our own files and have not. */
  readonly missedLts?: readonly string[];
  readonly topdir: TopdirConfig;
  readonly policyHash: Config['policyHash'];
  readonly index: MadeFile & { readonly records: number };
  readonly exceptions: MadeFile | null;
  readonly darVersion: string;
  readonly bwVersion: string;
  readonly sealedAt: Date;
}

/**
 * Puts the manifest together from what the shards reported (pure). Invariant 1: every slice it names is
 * verified in as many LTS as a seal needs, or it throws SLICE_NOT_COMMITTED. Throws TOO_MANY_EXCEPTIONS above the limit.
 */
export function buildManifest(input: ManifestInput): Manifest {
  const counts = sumCounts(input);
  checkExceptions(counts.exceptions, input.topdir.limits.maxExceptions, input.job.backupId);
  const { job, plan } = input;
  const lacks = lackingIn(input);
  return {
    format: MANIFEST_FORMAT,
    version: MANIFEST_VERSION,
    backupId: job.backupId,
    basepathId: job.basepathId,
    level: job.level,
    parent: plan.parent?.backupId ?? null,
    depth: plan.parent?.depth ?? 0,
    reason: job.reason,
    shrunk: plan.shrunk,
    source: { topdir: job.topdir, path: job.path, readFrom: plan.root, ...plan.source },
    ...(lacks.length === 0 ? {} : { lacks }),
    policyHash: input.policyHash,
    startedAt: plan.startedAt,
    capturedAt: plan.capturedAt,
    sealedAt: input.sealedAt.toISOString(),
    outcome: counts.exceptions === 0 ? 'clean' : 'with-exceptions',
    counts,
    index: stored(input, input.index),
    exceptions: input.exceptions === null ? null : stored(input, input.exceptions),
    logs: input.results.flatMap((result) => (result.log === null ? [] : [stored(input, result.log)])),
    archives: sortedArchives(input.results).map(({ made, host }) => archive(input, made, host)),
    software: { bwBkup: input.bwVersion, node: process.version },
  };
}

function sumCounts(input: ManifestInput): Manifest['counts'] {
  const total = (field: keyof ShardResult['counts']): number => input.results.reduce((sum, result) => sum + result.counts[field], 0);
  const archiveBytes = input.results
    .flatMap((result) => result.archives)
    .flatMap((made) => made.slices)
    .reduce((sum, slice) => sum + BigInt(slice.bytes), 0n);
  return {
    records: input.plan.parent === null ? input.index.records : input.plan.counts.records,
    directories: input.plan.counts.directories,
    sourceBytes: input.plan.counts.sourceBytes,
    archiveBytes: archiveBytes.toString(),
    exceptions: total('exceptions') + input.plan.counts.exceptions,
    vanished: total('vanished') + input.plan.counts.vanished,
    changedThenSaved: total('changedThenSaved'),
    changed: input.plan.counts.changed,
    removed: input.plan.counts.removed,
  };
}

function checkExceptions(exceptions: number, limit: number, backupId: string): void {
  if (exceptions <= limit) return;
  throw new BwError('TOO_MANY_EXCEPTIONS', {
    message: `${exceptions} paths could not be saved, more than limits.maxExceptions (${limit})`,
    subject: `backup ${backupId}`,
    retry: 'permanent',
    hint: 'Read the exceptions in the log: permissions, a failing filesystem? Mend the cause, or raise limits.maxExceptions.',
  });
}

function sortedArchives(results: readonly ShardResult[]): { made: MadeArchive; host: string }[] {
  const all = results.flatMap((result) => result.archives.map((made) => ({ made, host: result.host })));
  const order = (key: string): number => key.split('.').reduce((value, part) => value * 1_000_000 + Number(part), 0);
  return all.sort((a, b) => order(a.made.key) - order(b.made.key));
}

function archive(input: ManifestInput, made: MadeArchive, host: string): ManifestArchive {
  return {
    key: made.key,
    name: made.name,
    kind: made.kind,
    restoreOrder: restoreOrder(made, input.plan),
    entries: made.entries,
    directoriesWithEa: made.directoriesWithEa,
    withEa: made.withEa,
    keyId: input.topdir.dar.encryption?.keyId ?? null,
    slices: made.slices.map((slice) => sliceOf(input, slice)),
    catalogue: made.catalogue === null ? null : stored(input, made.catalogue),
    dar: { version: input.darVersion, host, ...made.dar },
  };
}

/**
 * Removals first, then segments of a shard in their order (a later one holds newer states), the basepath's own metadata last. Of a consolidated full what comes of the
 * oldest backup first: its archives also hold the directories above what they give, as these were then.
 */
function restoreOrder(made: MadeArchive, { shards, consolidates }: PlanFile): number {
  if (made.kind === 'metadata') return METADATA_ORDER;
  if (made.kind === 'removals') return 0;
  const [shard = 0, segment = 1] = made.key.split('.').map(Number);
  if (consolidates === null) return segment;
  const sources = [...new Set(shards.map(({ from }) => from?.backupId))]; // shards are planned in the order of the chain
  return 1 + sources.indexOf(shards.find(({ number }) => number === shard)?.from?.backupId);
}

const METADATA_ORDER = 1_000_000;

function sliceOf(input: ManifestInput, slice: MadeSlice): ManifestSlice {
  const committed = pick(input.items.get(slice.object)?.committed ?? {}, input.ltsNames);
  const { ltsNames, toSeal = ltsNames.length } = input;
  const missing = ltsNames.filter((lts) => committed[lts] === undefined);
  if (ltsNames.length - missing.length < Math.max(1, toSeal)) throw notCommitted(slice, missing.join(', '));
  const { number, name, bytes, sha512 } = slice;
  return { number, name, bytes, sha512, locations: committed };
}

/** LTS that lack something of it. */
function lackingIn({ ltsNames, missedLts = [], results, items }: ManifestInput): string[] {
  const slices = results.flatMap(({ archives }) => archives.flatMap((made) => made.slices));
  return ltsNames.filter((lts) => missedLts.includes(lts) || slices.some(({ object }) => items.get(object)?.committed[lts] === undefined));
}

function pick(committed: Readonly<Record<string, ObjectLocation>>, names: readonly string[]): Record<string, ObjectLocation> {
  return Object.fromEntries(names.flatMap((name) => (committed[name] === undefined ? [] : [[name, committed[name]]])));
}

/** Our own files are sent after the manifest is composed, under names that follow from the backup. */
function stored(input: ManifestInput, file: MadeFile): StoredFile {
  const object = `${input.job.basepathId}/${input.job.backupId}/${file.name}`;
  const location: ObjectLocation = { object, offset: 0, length: file.bytes };
  return {
    name: file.name,
    bytes: file.bytes,
    sha512: file.sha512,
    locations: Object.fromEntries(input.plainLts.map((name) => [name, location])),
  };
}

function notCommitted(slice: MadeSlice, lts: string): BwError {
  return new BwError('SLICE_NOT_COMMITTED', {
    message: `a slice is not on record as verified in LTS ${lts}`,
    subject: slice.object,
    retry: 'permanent',
    hint: 'Its transfer was lost (Redis wiped?). The backup is not sealed; the next scheduled run makes a new one.',
  });
}
