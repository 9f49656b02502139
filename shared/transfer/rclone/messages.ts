import { z } from 'zod';

/** One line of what rclone says. */
export interface Message {
  readonly level: string;
  readonly text: string;
  /** Name of the object it is about, relative to the remote of the command; null = none. */
  readonly object: string | null;
  /** Bytes so far of what is under way, by name; null = no such line. */
  readonly underWay: ReadonlyMap<string, number> | null;
}

/** `--use-json-log`, of 1.60: what is read of a line; the rest is rclone's own business. */
const lineSchema = z.object({
  level: z.string(),
  msg: z.string(),
  object: z.string().optional(),
  stats: z.object({ transferring: z.array(z.object({ name: z.string(), bytes: z.number().optional() })).nullish() }).optional(),
});

/** Its last words are plain text, with a date, also with --use-json-log. */
const PLAIN_DATE = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /;

/** A line of rclone's log (pure): JSON, or plain text, which counts as an error. Null for an empty line. */
export function parseMessage(line: string): Message | null {
  const text = line.replace(PLAIN_DATE, '').trim();
  if (text === '') return null;
  const parsed = text.startsWith('{') ? lineSchema.safeParse(parseJson(text)) : null;
  if (parsed?.success !== true) return { level: 'error', text, object: null, underWay: null };
  const { level, msg, object, stats } = parsed.data;
  const underWay = stats === undefined ? null : new Map((stats.transferring ?? []).map(({ name, bytes }) => [name, bytes ?? 0]));
  return { level, text: msg.trim(), object: object ?? null, underWay };
}

/** All messages of a text. */
export function parseMessages(text: string): Message[] {
  return text.split('\n').flatMap((line) => parseMessage(line) ?? []);
}

/** JSON.parse, undefined for what is none: a line may have been cut by a kill. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
