import { afterEach, expect, it, vi } from 'vitest';
import type { WorkerContext } from '../../../../../worker/context.js';
import { reportScan } from '../../../../../worker/jobs/backup/report-scan.js';

afterEach(() => { vi.useRealTimers(); });

it('tells metrics every entry once, and the run how many there are, once a second', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const found: [string, number][] = [];
  let scanned = 0;
  const context = {
    runs: { reportFound: (id: string, paths: number) => { found.push([id, paths]); return found.length === 2 ? Promise.reject(new Error('Redis is away')) : Promise.resolve(); } },
    metrics: { scanned: (entries: number) => { scanned += entries; } },
  } as unknown as WorkerContext;
  const report = reportScan(context, 'B');
  for (const paths of [10, 200, 3000]) report(paths);
  vi.advanceTimersByTime(1000);
  report(4000);
  report(50); // several finds begin anew: nothing is taken back
  vi.advanceTimersByTime(1000);
  report(60);
  expect(found).toEqual([['B', 10], ['B', 4000], ['B', 60]]);
  expect(scanned).toBe(4010);
});
