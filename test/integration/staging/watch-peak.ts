import { setTimeout as sleep } from 'node:timers/promises';
import { diskUse } from '../../../worker/staging/disk-use.js';

export interface Peak {
  readonly bytes: number;
  /** Longest time one look took, ms: as long as others need that look there. */
  readonly lookMs: number;
}

/** Looks at a directory again and again; the returned function ends that and gives the most that was seen. */
export function watchPeak(dir: string): () => Promise<Peak> {
  let [bytes, lookMs] = [0, 0];
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const from = performance.now();
      bytes = Math.max(bytes, await diskUse(dir).catch(() => 0)); // swept while we look
      lookMs = Math.max(lookMs, performance.now() - from);
      await sleep(5);
    }
  };
  const watching = watch();
  return async () => {
    stop.abort();
    await watching;
    return { bytes, lookMs };
  };
}
