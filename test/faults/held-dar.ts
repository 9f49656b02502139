import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { resolveProgram } from '../../shared/process/index.js';

export interface HeldDar {
  /** Lets it go on. */
  readonly release: () => Promise<void>;
}

/**
 * Puts a dar in front of the real one that waits before it begins its slice `slice`, in the first archive of data that has so many: it can be killed or stopped there, or its worker,
 * by a test that is late. (A SIGTERM at this place may spoil the archive: where it is to be kept, see stopDarAt.) `dir`: a directory of the test. Until the test ends.
 */
export async function holdDar(dir: string, slice: number): Promise<HeldDar> {
  const bin = join(dir, 'held-bin');
  await mkdir(bin);
  const real = resolveProgram('dar');
  const [held, released] = [join(bin, 'held'), join(bin, 'released')];
  // dar is given a PATH without programs. A worker that is killed meanwhile asks dar to end, which waits for this: so it must not outlive the test.
  const hold = `#!/bin/sh
PATH='${process.env['PATH'] ?? ''}'
[ "$1" -eq ${slice - 1} ] && mkdir '${held}' 2>/dev/null || exit 0
while [ -d '${bin}' ] && [ ! -e '${released}' ]; do sleep 0.02; done
`;
  await writeFile(join(bin, 'hold'), hold, { mode: 0o755 });
  const front = `#!/bin/sh
case " $* " in
  *skeleton*|*placeholder*) exec ${real} "$@" ;;
  *" -c "*) exec ${real} "$@" -E "'${join(bin, 'hold')}' %n" ;;
  *) exec ${real} "$@" ;;
esac
`;
  await writeFile(join(bin, 'dar'), front, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
  const release = (): Promise<void> => writeFile(released, '');
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await release();
  });
  return { release };
}
