import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { resolveProgram } from '../../../shared/process/launch.js';

/** Shell text that runs at a moment of a backup. */
export interface DarHooks {
  /** After the scan, before the first archive of data is made. */
  readonly before?: string;
  /** When dar has made it, before anybody looks. */
  readonly after?: string;
  /** In the middle, after each slice, of the first archive only or of all; dar waits for it. */
  readonly atSlice?: { readonly run: string; readonly of: 'first' | 'all' };
}

/**
 * Puts a dar in front of the real one that changes the source at chosen moments, so that no test has to win a race. `dir`: a directory
 * of the test. Until the test ends.
 */
export async function hookDar(dir: string, hooks: DarHooks): Promise<void> {
  const bin = join(dir, 'hooked-bin');
  await mkdir(bin);
  const real = resolveProgram('dar');
  const once = join(bin, 'happened');
  // dar is given a PATH without programs.
  const path = `PATH='${process.env['PATH'] ?? ''}'`;
  await writeFile(join(bin, 'at-slice'), `#!/bin/sh\nset -e\n${path}\n${hooks.atSlice?.run ?? ''}\n`, { mode: 0o755 });
  const atSlice = hooks.atSlice === undefined ? '' : `-E '${join(bin, 'at-slice')}'`;
  const script = `#!/bin/sh
case " $* " in
  *skeleton*) exec ${real} "$@" ;;
  *" -c "*) ;;
  *) exec ${real} "$@" ;;
esac
if [ -e '${once}' ]; then exec ${real} "$@" ${hooks.atSlice?.of === 'all' ? atSlice : ''}; fi
: > '${once}'
( set -e
${path}
${hooks.before ?? ''}
) || exit 99
${real} "$@" ${atSlice}
status=$?
( set -e
${path}
${hooks.after ?? ''}
) || exit 98
exit $status
`;
  await writeFile(join(bin, 'dar'), script, { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
  onTestFinished(() => { vi.unstubAllEnvs(); });
}
