/** How programs that read users' filesystems are started: nice value and I/O class; null = as we are. */
export interface Niceness {
  readonly nice: number | null;
  /** `idle`, or `best-effort:0` to `best-effort:7`. */
  readonly ioClass: string | null;
}

let current: Niceness = { nice: null, ioClass: null };

/** For commands marked `polite` that start from now on. */
export function setNiceness(niceness: Niceness): void {
  current = niceness;
}

/**
 * What is put before a polite command. `find`: absolute path of a program, null when it is not there: then it is left out. ionice -t: a system that refuses the class does
 * not keep the program from starting.
 */
export function nicePrefix(find: (program: string) => string | null, { nice, ioClass }: Niceness = current): string[] {
  const niceProgram = nice === null || nice === 0 ? null : find('nice');
  const ioniceProgram = ioClass === null ? null : find('ionice');
  const [, level] = (ioClass ?? '').split(':');
  return [
    ...(niceProgram === null ? [] : [niceProgram, '-n', String(nice)]),
    ...(ioniceProgram === null ? [] : [ioniceProgram, '-t', ...(level === undefined ? ['-c', '3'] : ['-c', '2', '-n', level])]),
  ];
}
