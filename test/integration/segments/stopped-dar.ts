import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { resolveProgram } from '../../../shared/process/launch.js';
import { sizeOrNull } from '../../../shared/dar/slice-files.js';
import { until } from '../bad-input/until.js';

export interface StoppedDar {
  /** Resolves when the dar that makes an archive of data stands still in the middle of its work. */
  readonly stands: () => Promise<void>;
}

export interface StopAt {
  /** The first that will do; a later one does where a machine that is busy missed it. */
  readonly slice: number;
  /** What a whole one has. */
  readonly sliceBytes: number;
  /** It stands so far from both ends of the slice, or farther. */
  readonly bytes: number;
  /** In how many archives; default 1. */
  readonly times?: number;
}

/**
 * Puts a dar in front of the real one that stops itself (SIGSTOP, as back-pressure does) well inside a slice, in the first archives of data: no test has to win a race for a moment
 * in the middle. It goes on only for moments until it is there, and leaves the processor to who watches it. (A SIGTERM exactly at the edge of a slice makes libdar 2.7.8 fail
 * now and then, which costs the start.) `dir`: a directory of the test. Until the test ends.
 */
export async function stopDarAt(dir: string, { slice, sliceBytes, bytes, times = 1 }: StopAt): Promise<StoppedDar> {
  const bin = join(dir, 'stopping-bin');
  await mkdir(bin);
  const real = resolveProgram('dar');
  const path = `PATH='${process.env['PATH'] ?? ''}'`;
  await writeFile(join(bin, 'watch'), `#!/bin/sh
${path}
slice=${slice}
while kill -STOP "$1"; do
  while [ -e "$2.$((slice + 1)).dar" ]; do slice=$((slice + 1)); done
  size=$(stat -c %s "$2.$slice.dar" 2>/dev/null || echo 0)
  [ "$size" -gt ${bytes} ] && [ "$size" -lt ${sliceBytes - bytes} ] && : > "$3/stands" && exit
  kill -CONT "$1"
  if [ -e "$2.$slice.dar" ]; then sleep 0.002; else sleep 0.01; fi
done
`, { mode: 0o755 });
  const script = `#!/bin/sh
case " $* " in
  *skeleton*|*placeholder*) exec ${real} "$@" ;;
  *" -c "*) ;;
  *) exec ${real} "$@" ;;
esac
for i in ${Array.from({ length: times }, (_, i) => i).join(' ')}; do
  if (${path}; mkdir '${bin}/'$i) 2>/dev/null; then
    '${bin}/watch' $$ "$2" '${bin}/'$i </dev/null >/dev/null 2>&1 &
    break
  fi
done
exec ${resolveProgram('nice')} -n 5 ${real} "$@"
`;
  await writeFile(join(bin, 'dar'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
  onTestFinished(() => { vi.unstubAllEnvs(); });
  let stood = 0;
  return {
    stands: async () => {
      const mark = join(bin, String(stood++), 'stands');
      await until('dar stands still', async () => ((await sizeOrNull(mark)) === null ? null : true));
    },
  };
}
