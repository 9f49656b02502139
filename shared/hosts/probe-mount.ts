import { toBwError } from '../errors/bw-error.js';
import { withinTime } from '../index/inspect-root.js';
import type { BytePath } from '../paths/byte-path.js';
import { bytePath } from '../paths/byte-path.js';
import { run } from '../process/index.js';

/** Asks the server where the filesystem knows the difference (coreutils 8.32 and later), and lists names without looking at what they name. */
const LOOK = 'stat --cached=never -- "$1" >/dev/null 2>&1 || stat -- "$1" >/dev/null && exec find "$1" -maxdepth 1 -printf ""';

/** Whether a directory can be looked at and listed within this time, by a program of its own, for which nobody waits longer. One that is not there does not answer. */
export async function probeMount(root: BytePath, timeoutMs: number): Promise<boolean> {
  try {
    await withinTime(root, timeoutMs, (signal) => run({ program: 'sh', args: ['-c', LOOK, 'sh', bytePath.toBuffer(root)] }, { signal }));
    return true;
  } catch (thrown) {
    if (['SOURCE_HUNG', 'PROGRAM_FAILED', 'PROGRAM_ABORTED'].includes(toBwError(thrown).code)) return false;
    throw thrown;
  }
}
