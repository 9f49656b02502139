import { z } from 'zod';
import { BwError } from '../../errors/bw-error.js';
import type { TransferHandle } from '../backend.js';
import { uuid } from './answers.js';

/** A transfer that was submitted. */
export interface SendHandle {
  readonly key: string;
  readonly task: string;
  readonly files: number;
  readonly bytes: number;
  /** Of the first file that was not fit to be sent; the others were. */
  readonly refused: BwError | null;
}

const refusal = z.object({ code: z.string(), message: z.string(), retry: z.enum(['retry', 'permanent', 'operator']), hint: z.string(), subject: z.string().optional(), detail: z.string().optional() });
const schema = z.object({ key: z.string(), task: uuid, files: z.number(), bytes: z.number(), refused: z.string().nullable() });

export function serialise({ refused, ...same }: SendHandle): TransferHandle {
  if (refused === null) return { ...same, refused: null };
  const { code, message, retry, hint, subject, detail } = refused;
  return { ...same, refused: JSON.stringify({ code, message, retry, hint, subject, detail }) };
}

/** Throws what zod throws for a handle that is none of this backend: a fault in bw-bkup. */
export function parseHandle(handle: TransferHandle): SendHandle {
  const { refused, ...same } = schema.parse(handle);
  if (refused === null) return { ...same, refused: null };
  const { code, message, retry, hint, subject, detail } = refusal.parse(JSON.parse(refused));
  return { ...same, refused: new BwError(code, { message, retry, hint, ...(subject === undefined ? {} : { subject }), ...(detail === undefined ? {} : { detail }) }) };
}
