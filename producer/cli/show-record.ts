import type { IndexRecord } from '../../shared/index/record.js';
import { formatBytes } from '../../shared/terminal/index.js';

/** `f 644 1000:1000        1.2 KiB 2026-05-01 12:00:00`: what people see of a record before its path. */
export function recordColumns(record: IndexRecord): string {
  const owner = `${record.uid}:${record.gid}`;
  return `${record.type}${record.mode.padStart(5)} ${owner.padEnd(12)} ${formatBytes(BigInt(record.size)).padStart(10)} ${timeOf(record.mtime)}`;
}

/** UTC to the second, of seconds since the epoch; years a Date cannot hold are shown as seconds. */
export function timeOf(seconds: string): string {
  const time = new Date(Number(seconds) * 1000);
  return Number.isNaN(time.getTime()) ? `@${seconds}` : instantText(time.toISOString());
}

/** An ISO instant to the second, in UTC. */
export function instantText(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

/** Waits while the reader (a pager, a pipe) is slow, so that a huge index does not pile up in memory. */
export async function writeOut(text: string): Promise<void> {
  if (text !== '' && !process.stdout.write(text)) await new Promise((resolve) => process.stdout.once('drain', resolve));
}
