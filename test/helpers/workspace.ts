import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A private directory of the running test, removed when it ends however it ends. */
export async function workspace(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bw-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}
