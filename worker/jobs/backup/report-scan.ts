import type { WorkerContext } from '../../context.js';

/** Often enough for a person watching; a Redis round trip each time. */
const EVERY_MS = 1_000;

/** Tells the run, and metrics, how many entries a scan has found. */
export function reportScan({ runs, metrics }: WorkerContext, backupId: string): (paths: number) => void {
  let [told, toldAtMs] = [0, -Infinity];
  return (paths) => {
    metrics.scanned(Math.max(0, paths - told)); // several finds begin anew
    told = paths;
    const nowMs = performance.now();
    if (nowMs - toldAtMs < EVERY_MS) return;
    toldAtMs = nowMs;
    runs.reportFound(backupId, paths).catch(() => undefined); // Redis is away for a moment: the next report says more
  };
}
