import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { workspace } from './workspace.js';

/** A program that stands in for the real one on PATH, until the test ends. `script`: shell text. */
export async function fakeProgram(name: string, script: string): Promise<void> {
  const bin = await workspace();
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const path = process.env['PATH'];
  process.env['PATH'] = `${bin}:${path ?? ''}`;
  onTestFinished(() => { process.env['PATH'] = path; });
}
