import type { Manifest } from '../../shared/catalog/manifest.js';
import { sum } from './statistics.js';

/** A line of the product's log; times in ms since the epoch. */
export interface LogLine {
  readonly atMs: number;
  readonly msg: string;
  readonly backupId: string | null;
  readonly jobName: string | null;
  /** Of `job done` lines. */
  readonly ms: number | null;
}

/** Where the time of one backup went, ms; of many, the mean of each. */
export interface Profile {
  /** Job taken to plan written: inspect, find, sort, cut into shards. */
  readonly planMs: number;
  /** First shard begun to last shard done. */
  readonly saveMs: number;
  /** Last shard done to last slice verified in LTS. */
  readonly transferTailMs: number;
  /** Job woken to sealed: index, manifest, uploads, link. */
  readonly sealMs: number;
  /** The rest: waiting for slots and for the queue. */
  readonly waitMs: number;
  /** All shards together: dar itself (also for the basepath's metadata). */
  readonly darBusyMs: number;
  /** All shards together, less dar: lists, isolating, listing, reconciling. */
  readonly shardBusyMs: number;
  /** All transfers together. */
  readonly transferBusyMs: number;
}

/** Profile of one backup from what was logged of it and its manifest. `startMs`: when its job was added. */
export function profileOf(lines: readonly LogLine[], manifest: Manifest, startMs: number): Profile {
  const own = lines.filter((line) => line.backupId === manifest.backupId);
  const done = (name: string): readonly Span[] => own.filter((line) => line.jobName === name && line.ms !== null).map(spanOf);
  const shards = done('shard');
  const sends = done('send');
  const seal = done('backup');
  const plannedAtMs = own.find((line) => line.msg === 'planned')?.atMs ?? NaN;
  const shardsDoneMs = Math.max(...shards.map((span) => span.toMs));
  const planMs = plannedAtMs - Date.parse(manifest.startedAt);
  const saveMs = shardsDoneMs - Math.min(...shards.map((span) => span.fromMs));
  const transferTailMs = Math.max(0, ...sends.map((span) => span.toMs - shardsDoneMs));
  const sealMs = sum(seal.map(lengthOf));
  const totalMs = Math.max(...seal.map((span) => span.toMs)) - startMs;
  const darBusyMs = sum(manifest.archives.map((archive) => archive.dar.wallMs));
  return {
    planMs,
    saveMs,
    transferTailMs,
    sealMs,
    waitMs: totalMs - planMs - saveMs - transferTailMs - sealMs,
    darBusyMs,
    shardBusyMs: Math.max(0, sum(shards.map(lengthOf)) - darBusyMs),
    transferBusyMs: sum(sends.map(lengthOf)),
  };
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

function spanOf(line: LogLine): Span {
  return { fromMs: line.atMs - (line.ms ?? 0), toMs: line.atMs };
}

function lengthOf(span: Span): number {
  return span.toMs - span.fromMs;
}

export function meanProfile(profiles: readonly Profile[]): Profile {
  const mean = (field: keyof Profile): number => sum(profiles.map((profile) => profile[field])) / profiles.length;
  return {
    planMs: mean('planMs'),
    saveMs: mean('saveMs'),
    transferTailMs: mean('transferTailMs'),
    sealMs: mean('sealMs'),
    waitMs: mean('waitMs'),
    darBusyMs: mean('darBusyMs'),
    shardBusyMs: mean('shardBusyMs'),
    transferBusyMs: mean('transferBusyMs'),
  };
}
