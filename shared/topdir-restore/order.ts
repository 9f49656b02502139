import type { TopdirBasepath } from './plan.js';

/** size: the smallest first, so that most users have theirs soonest · name · activity: what changed last first. */
export const ORDERS = ['size', 'name', 'activity'] as const;
export type Order = (typeof ORDERS)[number];

const COMPARE: Readonly<Record<Order, (a: TopdirBasepath, b: TopdirBasepath) => number>> = {
  size: (a, b) => Number((a.backup?.sourceBytes ?? 0n) - (b.backup?.sourceBytes ?? 0n)) || (a.backup?.records ?? 0) - (b.backup?.records ?? 0),
  name: () => 0,
  activity: (a, b) => (b.backup?.activeMs ?? 0) - (a.backup?.activeMs ?? 0),
};

export interface Ordered {
  readonly basepaths: readonly TopdirBasepath[];
  /** Lines of the list that name none of them. */
  readonly unknown: readonly string[];
}

/**
 * The order of restoring (pure): first what the list names, as it stands there (a name below the topdir, an absolute path, or an id), then the rest by `by`, equal ones by
 * name. Empty lines and those that begin with `#` say nothing.
 */
export function orderBasepaths(topdir: string, basepaths: readonly TopdirBasepath[], by: Order, list: readonly string[] = []): Ordered {
  const named = new Map(basepaths.flatMap((each) => [[each.basepathId, each] as const, [each.name, each] as const, [`${topdir}/${each.name}`, each] as const]));
  const lines = list.map((line) => line.trim().replace(/\/+$/, '')).filter((line) => line !== '' && !line.startsWith('#'));
  const first = new Set(lines.flatMap((line) => named.get(line) ?? []));
  const rest = basepaths.filter((each) => !first.has(each)).sort((a, b) => COMPARE[by](a, b) || (a.name < b.name ? -1 : 1));
  return { basepaths: [...first, ...rest], unknown: lines.filter((line) => !named.has(line)) };
}
