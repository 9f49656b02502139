import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ORDERS, type Order } from '../../../shared/topdir-restore/order.js';
import { instantOf, type RestoreOptions } from '../restore-request.js';
import { usage } from '../site.js';

export interface TopdirRestoreOptions extends RestoreOptions {
  readonly topdir?: string;
  /** File with one basepath a line. */
  readonly order?: string;
  readonly orderBy?: string;
  readonly concurrency?: string;
}

/** What was asked for, checked. */
export interface TopdirRequest {
  readonly topdir: string;
  readonly target: string;
  /** ms since the epoch; null: now, or of the one that is gone on with. */
  readonly atMs: number | null;
  readonly by: Order;
  readonly list: readonly string[];
  readonly concurrency: number;
  readonly resume: boolean;
}

/** Restores at a time. Each is itself spread over all free slots of all hosts; a few keep them busy while others plan and verify. */
const CONCURRENCY = 4;
const MOST_CONCURRENCY = 64;

/** Throws USAGE. */
export async function topdirRequest(options: TopdirRestoreOptions): Promise<TopdirRequest> {
  const { topdir, to, at, orderBy = 'size', order, concurrency = String(CONCURRENCY), resume = false } = options;
  if (topdir === undefined || to === undefined) throw usage('--topdir needs --to DIR');
  const alien = (['backup', 'path', 'inPlace', 'onConflict', 'compare', 'detach'] as const).find((name) => options[name] !== undefined);
  if (alien !== undefined) throw usage(`--${alien.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} does not go with --topdir`);
  if (!isOrder(orderBy)) throw usage(`--order-by ${orderBy} is none of ${ORDERS.join(', ')}`);
  const many = Number(concurrency);
  if (!Number.isInteger(many) || many < 1 || many > MOST_CONCURRENCY) throw usage(`--concurrency ${concurrency} is not a number from 1 to ${MOST_CONCURRENCY}`);
  const list = order === undefined ? [] : await lines(order);
  return { topdir: resolve(topdir), target: resolve(to), atMs: at === undefined ? null : instantOf(at), by: orderBy, list, concurrency: many, resume };
}

function isOrder(text: string): text is Order {
  return (ORDERS as readonly string[]).includes(text);
}

async function lines(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((thrown: unknown) => {
    throw usage(`--order ${file} cannot be read: ${(thrown as Error).message}`, 'It is a file with one basepath a line: a name below the topdir, a path, or an id.');
  });
  return text.split('\n');
}

/** What goes on with a restore of a topdir. */
export function resumeCommand({ topdir, target }: Pick<TopdirRequest, 'topdir' | 'target'>): string {
  return `bw-bkup restore --topdir ${shellWord(topdir)} --to ${shellWord(target)} --resume`;
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
