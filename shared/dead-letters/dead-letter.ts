import { z } from 'zod';
import { pathJsonSchema } from '../paths/path-json.js';

/** How an attempt of a job ended, as its worker saw it. The queue itself keeps one line. */
export const jobErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  /** What the operator can do. */
  hint: z.string(),
  subject: z.string().nullable(),
  /** Evidence, such as what a program said: the end of it. */
  detail: z.string().nullable(),
  host: z.string(),
  /** Such as `shard 3`. */
  job: z.string(),
  attempt: z.number().int().positive(),
  at: z.iso.datetime(),
});

export type JobError = z.infer<typeof jobErrorSchema>;

/** A run that nobody tries again by itself: its last attempt failed, or trying again is pointless. */
export const deadLetterSchema = z.object({
  v: z.literal(1),
  /** Of the backup or restore. */
  runId: z.ulid(),
  kind: z.enum(['backup', 'restore']),
  basepathId: z.string(),
  /** Absolute. */
  path: pathJsonSchema,
  level: z.enum(['full', 'differential', 'incremental', 'restore']),
  startedAt: z.iso.datetime(),
  failedAt: z.iso.datetime(),
  code: z.string(),
  message: z.string(),
  /** Null when no worker lived to say it. */
  last: jobErrorSchema.nullable(),
});

export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** Letters with one cause. */
export interface Cause {
  readonly code: string;
  /** Of the newest. */
  readonly message: string;
  readonly hint: string | null;
  readonly letters: readonly DeadLetter[];
}

/** By error code, those with the most letters first (pure). */
export function groupByCause(letters: readonly DeadLetter[]): Cause[] {
  const groups = new Map<string, DeadLetter[]>();
  for (const letter of letters) groups.set(letter.code, [...(groups.get(letter.code) ?? []), letter]);
  return [...groups]
    .map(([code, own]) => {
      const sorted = own.toSorted((a, b) => b.failedAt.localeCompare(a.failedAt) || a.runId.localeCompare(b.runId));
      return { code, message: sorted[0]?.message ?? '', hint: sorted.find(({ last }) => last !== null)?.last?.hint ?? null, letters: sorted };
    })
    .sort((a, b) => b.letters.length - a.letters.length || a.code.localeCompare(b.code));
}

/** Whether a backup of this level that sealed makes a letter good: a full all of them, another those of its kind (pure). */
export function settles(level: Exclude<DeadLetter['level'], 'restore'>, basepathId: string, letter: Pick<DeadLetter, 'basepathId' | 'kind' | 'level'>): boolean {
  return letter.kind === 'backup' && letter.basepathId === basepathId && (level === 'full' || letter.level !== 'full');
}
