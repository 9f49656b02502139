/** A program argument: text, or raw bytes where it may hold any byte but NUL (paths). */
export type Arg = string | Uint8Array;

/** What to start. Never a shell string: `program` is looked up on PATH, `args` are passed as they are. */
export interface Command {
  readonly program: string;
  readonly args: readonly Arg[];
  /** Working directory, raw bytes allowed. */
  readonly cwd?: Arg;
  /** Reads users' filesystems: started with the nice value and I/O class that `setNiceness` says. */
  readonly polite?: true;
  /** Added to a minimal environment (PATH, HOME, TMPDIR, LC_ALL=C). */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ExitStatus {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}
