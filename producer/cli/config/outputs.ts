import { z } from 'zod';

const sourceSchema = z.strictObject({ kind: z.enum(['default', 'file', 'host', 'env', 'flag']), where: z.string(), value: z.string() });

/** What `config check --json` prints. */
export const checkOutput = z.strictObject({
  v: z.literal(1),
  ok: z.boolean(),
  /** The file that was read; null where none could be. */
  file: z.string().nullable(),
  policyHash: z.string().nullable(),
  problems: z.array(z.strictObject({ file: z.string(), key: z.string(), value: z.string().nullable(), problem: z.string(), remedy: z.string() })),
});

/** What `config show --json` prints: sizes in bytes, times in ms, secrets masked. */
export const showOutput = z.strictObject({
  v: z.literal(1),
  file: z.string(),
  config: z.looseObject({ host: z.string(), policyHash: z.string() }),
  sources: z.record(z.string(), sourceSchema),
});

/** One JSON document, checked against its documented schema first: what is printed here, others parse. */
export function json<T>(schema: z.ZodType<T>, value: T): string {
  return `${JSON.stringify(schema.parse(value))}\n`;
}
