import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { resolveProgram } from '../../shared/process/launch.js';
import type { TestSite } from '../helpers/site.js';

/** Puts a dar in front of the real one that writes down what data it is to archive, and waits until all may go. Until the test ends. */
export async function holdDars({ dir }: Pick<TestSite, 'dir'>): Promise<{ started: () => Promise<string[]>; go: () => Promise<void> }> {
  const bin = join(dir, 'held-bin');
  const [log, gate] = [join(dir, 'started'), join(dir, 'go')];
  await mkdir(bin);
  const path = process.env['PATH'] ?? '';
  const script = `#!/bin/sh
case " $* " in
  *skeleton*) ;;
  *" -c "*) echo "$*" >> '${log}'; PATH='${path}'; until [ -e '${gate}' ] || [ ! -d '${bin}' ]; do sleep 0.02; done ;;
esac
exec ${resolveProgram('dar')} "$@"
`;
  await writeFile(join(bin, 'dar'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${path}`);
  const go = (): Promise<void> => writeFile(gate, '');
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await go();
  });
  return {
    started: async () => (await readFile(log, 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    go,
  };
}
