import { statfs } from 'node:fs/promises';
import { run } from '../../process/index.js';

/** Starting dd costs about 5 ms: below this size the read back may come from the page cache. */
export const DROP_CACHE_FROM_BYTES = 16 * 1024 * 1024;

/** statfs types that have no device behind the page cache: TMPFS_MAGIC and RAMFS_MAGIC of linux/magic.h. */
const MEMORY_FILESYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/**
 * Asks the kernel to forget a file's cached pages, so that reading it asks the device (or, on a network filesystem,
 * the server, whose own cache we cannot reach). The file must be fsynced: dirty pages stay. Best effort: a missing dd or a
 * filesystem that ignores the advice weakens the check to "what the cache holds" and is no error.
 */
export async function dropCache(file: string, bytes: number, signal?: AbortSignal): Promise<void> {
  if (bytes < DROP_CACHE_FROM_BYTES || MEMORY_FILESYSTEMS.has((await statfs(file)).type)) return;
  const command = { program: 'dd', args: [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none'] };
  // Exit codes 0 and 1 (advice refused, file vanished) both leave it to the read that follows to tell.
  await run(command, { okCodes: [0, 1], timeoutMs: 60_000, ...(signal === undefined ? {} : { signal }) }).catch(ignoreMissingDd);
}

function ignoreMissingDd(thrown: unknown): void {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code !== 'PROGRAM_NOT_FOUND') throw thrown;
}
