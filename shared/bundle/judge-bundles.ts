import { bundleTime, META_PREFIX } from './names.js';

/** A crash leaves a bundle that nothing names; younger ones may be about to be. */
export const YOUNG_MS = 86_400_000;
/** The same of metadata: on record only when it has arrived, and a task of an asynchronous LTS may take days, or wait for an operator. */
const YOUNG_METADATA_MS = 30 * 86_400_000;

/** What is in a bundle of an LTS. */
export interface BundleUsage {
  readonly object: string;
  /** As it is there. */
  readonly bytes: number;
  /** Of it, what sealed, removed or running backups name; null: metadata of at least one backup that is there. */
  readonly liveBytes: number | null;
}

export interface BundlesJudged {
  /** Of these nothing is needed any more. */
  readonly remove: readonly string[];
  readonly objects: number;
  readonly bytes: number;
  /** In bundles that stay: of backups that were erased, or of starts that were given up. */
  readonly deadBytes: number;
}

/**
 * Which bundles go, and how much of the others is dead (pure). A bundle stays until everything in it is erased; nothing is packed anew. `begun`: those that are about to be named, however
 * old: on their way for days, or brought by a host that died before it could say so.
 */
export function judgeBundles(bundles: readonly BundleUsage[], begun: ReadonlySet<string>, nowMs: number): BundlesJudged {
  const youngMs = ({ object }: BundleUsage): number => (object.startsWith(`${META_PREFIX}/`) ? YOUNG_METADATA_MS : YOUNG_MS);
  const isOld = (each: BundleUsage): boolean => nowMs - (bundleTime(each.object) ?? nowMs) > youngMs(each);
  const remove = bundles.filter((each) => each.liveBytes === 0 && !begun.has(each.object) && isOld(each));
  const gone = new Set(remove);
  const left = bundles.filter((each) => !gone.has(each));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    remove: remove.map(({ object }) => object),
    objects: left.length,
    bytes: sum(left.map(({ bytes }) => bytes)),
    deadBytes: sum(left.map(({ bytes, liveBytes }) => (liveBytes === null ? 0 : Math.max(0, bytes - liveBytes)))),
  };
}
