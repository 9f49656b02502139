import { readFile } from 'node:fs/promises';

/**
 * Bytes that passed through dar's reads and writes. Holes count as read, so this is also a sign of life while an
 * archive does not grow. (Counting `-vt` lines instead would put every path into the log.)
 */
export interface DarProgress {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Reads the kernel's counters of a process; null when it has ended. */
export async function readProgress(pid: number): Promise<DarProgress | null> {
  try {
    const text = await readFile(`/proc/${pid}/io`, 'latin1');
    const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return { readBytes: field('rchar'), writtenBytes: field('wchar') };
  } catch {
    return null; // the only way to fail is that the process is gone
  }
}
