import type { z } from 'zod';

/** Prints one JSON document for programs, checked against its documented schema first: what we print, others parse. */
export function printJson<T>(schema: z.ZodType<T>, value: T): void {
  process.stdout.write(`${JSON.stringify(schema.parse(value))}\n`);
}

/** What a command was asked for. */
export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** What a person should know meanwhile: on standard error, in place of a progress line. */
export function say(text: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${text}\n`);
}

/** `1 archive`, `3 archives`. */
export function plural(count: number, one: string, more = `${one}s`): string {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, ',')} ${count === 1 ? one : more}`;
}
