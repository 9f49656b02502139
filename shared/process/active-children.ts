/** A running child process, for diagnostics. */
export interface ActiveChild {
  readonly pid: number;
  readonly program: string;
  readonly guarded: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
}

interface Entry extends ActiveChild {
  /** Asks it to end; idempotent. */
  readonly end: () => void;
  readonly kill: () => void;
  readonly gone: Promise<void>;
}

const entries = new Set<Entry>();
/** A process that is killed ends within milliseconds, unless it waits for a mount that does not answer. */
const UNKILLABLE_MS = 10_000;

// Plain children have pdeathsig where setpriv exists; this covers hosts without it for every regular exit.
process.on('exit', () => {
  for (const entry of entries) if (!entry.guarded) entry.kill();
});

/** Adds a child to the list; the returned function takes it off. */
export function registerChild(child: Omit<Entry, 'gone' | 'startedAtMs'>): () => void {
  let unregister = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    unregister = resolve;
  });
  const entry: Entry = { ...child, startedAtMs: Date.now(), gone };
  entries.add(entry);
  return () => {
    entries.delete(entry);
    unregister();
  };
}

/** Children running now, oldest first. */
export function activeChildren(): ActiveChild[] {
  return [...entries]
    .map(({ pid, program, guarded, startedAtMs }) => ({ pid, program, guarded, startedAtMs }))
    .sort((a, b) => a.startedAtMs - b.startedAtMs);
}

/**
 * Ends all children for a shutdown: TERM now (guarded ones through their guardian, once), KILL after
 * `graceMs`. Default 30 s: dar needs 1.6 s to close an archive of 705,000 files. Resolves when all are gone, but for those that hang in the
 * kernel: what survives KILL for ten seconds is not waited for.
 */
export async function killAll(options: { graceMs?: number } = {}): Promise<void> {
  const { graceMs = 30_000 } = options;
  const ending = [...entries];
  for (const entry of ending) entry.end();
  const late = setTimeout(() => {
    for (const entry of ending) if (entries.has(entry)) entry.kill();
  }, graceMs);
  let last: NodeJS.Timeout | undefined;
  const survived = new Promise<void>((resolve) => { last = setTimeout(resolve, graceMs + UNKILLABLE_MS); });
  await Promise.race([Promise.all(ending.map((entry) => entry.gone)), survived]);
  clearTimeout(late);
  clearTimeout(last);
}

/** Signals a process (or, negative, a process group) that may already be gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
