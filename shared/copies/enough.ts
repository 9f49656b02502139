/** Where a backup goes, and how many of these must have it for it to seal. */
export interface CopyGoal {
  readonly lts: readonly string[];
  readonly toSeal: number;
}

/** Of a slice that is on record: where it is committed. */
interface Committed {
  readonly committed: Readonly<Record<string, unknown>>;
  readonly goal?: CopyGoal | undefined;
}

/** Where an item goes. One that was put on record without it goes everywhere, and must (pure). */
export function goalOf({ goal }: Pick<Committed, 'goal'>, configured: readonly string[]): CopyGoal {
  if (goal === undefined) return { lts: configured, toSeal: configured.length };
  const lts = goal.lts.filter((name) => configured.includes(name)); // one that is not configured any more keeps nobody waiting
  return { lts, toSeal: Math.max(1, Math.min(goal.toSeal, lts.length)) };
}

/** What is put on record with an item: nothing where it goes everywhere, and must (pure). */
export function goalToNote({ lts, toSeal }: CopyGoal, configured: readonly string[]): { readonly goal?: CopyGoal } {
  return toSeal === lts.length && lts.length === configured.length ? {} : { goal: { lts: [...lts], toSeal } };
}

/** How many more LTS must have it before its backup may seal, and its staging be given back (pure). */
export function stillNeeded(item: Committed, configured: readonly string[]): number {
  const { lts, toSeal } = goalOf(item, configured);
  return Math.max(0, toSeal - lts.filter((name) => item.committed[name] !== undefined).length);
}

/** Whether its backup may seal, and its staging be given back (pure). */
export function hasEnough(item: Committed, configured: readonly string[]): boolean {
  return stillNeeded(item, configured) === 0;
}
