import { setTimeout as sleep } from 'node:timers/promises';
import { diskUse } from '../../../worker/staging/disk-use.js';

/** Looks at a directory again and again until told to stop; then gives the most bytes it saw there. */
export function watchPeak(dir: string): () => Promise<number> {
  let peak = 0;
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      peak = Math.max(peak, await diskUse(dir).catch(() => 0));
      await sleep(2);
    }
  })();
  return async () => {
    stopped = true;
    await watching;
    return peak;
  };
}
