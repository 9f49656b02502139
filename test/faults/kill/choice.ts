import { createHash } from 'node:crypto';

/** Lines of the file of passed edges: `killed` or `passed`, a tab, the edge. Returns those at which a worker died, in order. */
export function killedAt(text: string): string[] {
  return text.split('\n').flatMap((line) => (line.startsWith('killed\t') ? [line.slice('killed\t'.length)] : []));
}

/** All edges in such a file. */
export function passedIn(text: string): Set<string> {
  return new Set(text.split('\n').flatMap((line) => line.split('\t')[1] ?? []));
}

/**
 * Whether a worker is to die at an edge. `both`: before and after each change. `none`: nowhere. A number: before one half of the changes, after the other
 * half, which half follows from the number; what was changed last, and what is changed next, is then the same for both. `CHOICE@PATTERN`: only at edges `JOB: AT` that match.
 */
export function isChosen(all: string, { job, at, when }: { readonly job: string; readonly at: string; readonly when: 'before' | 'after' }): boolean {
  const [choice = '', only = ''] = all.split('@');
  if (!new RegExp(only).test(`${job}: ${at}`)) return false;
  if (choice === 'both' || choice === 'none') return choice === 'both';
  const digest = createHash('sha256').update(`${choice} ${job} ${at}`).digest();
  return at === 'taken' || ((digest[0] ?? 0) % 2 === 0) === (when === 'before');
}
