import type { z } from 'zod';

/** Prints one JSON document for programs, checked against its documented schema first: what we print, others parse. */
export function printJson<T>(schema: z.ZodType<T>, value: T): void {
  process.stdout.write(`${JSON.stringify(schema.parse(value))}\n`);
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}
