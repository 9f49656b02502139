import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A private directory of the running test, removed when it ends however it ends. */
export async function workspace(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bw-test-'));
  // Again, when a program that was killed a moment ago still wrote there.
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return dir;
}
