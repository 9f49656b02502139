/** What is wrong with one thing, or that nothing is. */
export interface Finding {
  readonly state: 'ok' | 'warn' | 'fail';
  /** What was found. */
  readonly message: string;
  /** What to do; null when there is nothing to do. */
  readonly hint: string | null;
}

export const AREAS = ['dar', 'redis', 'hosts', 'clock', 'directory', 'topdir', 'secret', 'lts'] as const;
export type Area = (typeof AREAS)[number];

export interface CheckResult extends Finding {
  readonly area: Area;
  readonly subject: string;
  /** How long it took. */
  readonly ms: number;
}

export const ok = (message: string): Finding => ({ state: 'ok', message, hint: null });
export const warn = (message: string, hint: string): Finding => ({ state: 'warn', message, hint });
export const fail = (message: string, hint: string): Finding => ({ state: 'fail', message, hint });

/** The worst of several, with what each bad one says; all that is well where none is bad (pure). */
export function worst(findings: readonly Finding[]): Finding {
  const bad = findings.filter(({ state }) => state !== 'ok');
  const told = bad.length > 0 ? bad : findings;
  const hints = told.flatMap(({ hint }) => (hint === null ? [] : [hint]));
  return {
    state: bad.some(({ state }) => state === 'fail') ? 'fail' : bad.length > 0 ? 'warn' : 'ok',
    message: told.map(({ message }) => message).join('; '),
    hint: hints.length === 0 ? null : hints.join(' '),
  };
}
