import { setTimeout as sleep } from 'node:timers/promises';
import { diskUse } from '../../../worker/staging/disk-use.js';

/** Looks at a directory again and again; the returned function ends that and gives the most bytes seen. */
export function watchPeak(dir: string): () => Promise<number> {
  let peak = 0;
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      peak = Math.max(peak, await diskUse(dir).catch(() => 0)); // swept while we look
      await sleep(5);
    }
  };
  const watching = watch();
  return async () => {
    stop.abort();
    await watching;
    return peak;
  };
}
