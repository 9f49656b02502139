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

/**
 * Puts a dar in front of the real one that stops itself (SIGSTOP, as back-pressure does) when slice `slice` has more than `bytes`, in the first `times` archives of
 * data: no test has to win a race for a moment in the middle. It goes on only for moments until it is there. (Well inside a slice: a SIGTERM exactly at the edge of one makes
 * libdar 2.7.8 fail now and then, which costs the start.) `dir`: a directory of the test. Until the test ends.
 */
export async function stopDarAt(dir: string, { slice, bytes, times = 1 }: { slice: number; bytes: number; times?: number }): Promise<StoppedDar> {
  const bin = join(dir, 'stopping-bin');
  await mkdir(bin);
  const real = resolveProgram('dar');
  const path = `PATH='${process.env['PATH'] ?? ''}'`;
  await writeFile(join(bin, 'watch'), `#!/bin/sh
${path}
while kill -STOP "$1"; do
  [ "$(stat -c %s "$2.${slice}.dar" 2>/dev/null || echo 0)" -gt ${bytes} ] && : > "$3/stands" && exit
  kill -CONT "$1"
  if [ -e "$2.${slice}.dar" ]; then sleep 0.002; else sleep 0.01; fi
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
exec ${real} "$@"
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
