import { z } from 'zod';
import { JOURNAL_KINDS, JOURNAL_VERSION, journalRecordSchema, type JournalEntry, type JournalRecord } from './record.js';
import { BwError } from '../errors/bw-error.js';

/** Longer lines are refused by the writer and damaged for the reader: bounds its memory. */
export const MAX_LINE_BYTES = 1 << 20;

/** The line of a record, with its newline. Throws JOURNAL_RECORD_INVALID (permanent) for what decodeLine would not read back. */
export function encodeLine(entry: JournalEntry, at: string, writer: string): Buffer {
  const parsed = journalRecordSchema.safeParse({ ...entry, v: JOURNAL_VERSION, at, writer });
  if (!parsed.success) throw invalid(entry.kind, z.prettifyError(parsed.error));
  // In the order of the schema: v, at, writer, kind first, so that kindOf finds the kind without parsing.
  const line = Buffer.from(`${JSON.stringify(parsed.data)}\n`);
  if (line.length > MAX_LINE_BYTES) throw invalid(entry.kind, `${line.length} bytes; ${MAX_LINE_BYTES} are allowed`);
  return line;
}

export type DecodedLine =
  | { readonly is: 'record'; readonly record: JournalRecord }
  /** Written by a newer bw-bkup. */
  | { readonly is: 'unknown'; readonly what: string }
  | { readonly is: 'damaged'; readonly why: string };

/** @param text one line without its newline */
export function decodeLine(text: string): DecodedLine {
  const json = parseJson(text);
  const header = headerSchema.safeParse(json);
  if (!header.success) return { is: 'damaged', why: 'not a journal record' };
  const { v, kind } = header.data;
  if (v > JOURNAL_VERSION || !JOURNAL_KINDS.has(kind)) return { is: 'unknown', what: `${kind} (version ${v})` };
  const parsed = journalRecordSchema.safeParse(json);
  return parsed.success ? { is: 'record', record: parsed.data } : { is: 'damaged', why: z.prettifyError(parsed.error) };
}

/** The kind of a line of ours, found without parsing it; undefined where only parsing can tell. */
export function kindOf(text: string): string | undefined {
  return /^\{"v":\d+,"at":"[^"\\]*","writer":"[^"\\]*","kind":"([a-z-]+)"/.exec(text)?.[1];
}

const headerSchema = z.object({ v: z.number().int().positive(), at: z.string(), writer: z.string(), kind: z.string() });

function parseJson(text: string): unknown {
  try {
    const json: unknown = JSON.parse(text);
    return json;
  } catch {
    return undefined;
  }
}

function invalid(kind: string, detail: string): BwError {
  return new BwError('JOURNAL_RECORD_INVALID', {
    message: `A journal record of kind ${kind} was made that could not be read back; it was not written`,
    detail,
    retry: 'permanent',
    hint: 'This is a fault of bw-bkup: report it with the detail above.',
  });
}
