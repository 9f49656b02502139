import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../shared/logging/index.js';
import { createMetrics } from '../../../../shared/metrics/index.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import type { LiveLimits } from '../../../../worker/politeness/live-limits.js';
import { SOURCE_SLOW, Sources } from '../../../../worker/politeness/sources.js';
import { Brake } from '../../../../worker/supervise/brake.js';
import { sampleOf } from '../../shared/metrics/samples.js';

const root = bytePath.fromText('/u/alice');

function bench() {
  const state = { ms: 0, statMs: 1, limitMs: 50 as number | null, hang: false, asked: [] as string[] };
  const metrics = createMetrics({ host: 'here', component: 'worker' });
  const logger = createLogger({ level: 'fatal', format: 'json', host: 'here', component: 'worker' });
  const limits = { get: (key: string) => (key === 'statLatency' ? state.limitMs : null) } as unknown as LiveLimits;
  const probe = (roots: readonly string[]): Promise<number> => {
    state.asked.push(roots.join(' '));
    return state.hang ? new Promise(() => undefined) : Promise.resolve(state.statMs);
  };
  const sources = new Sources({ limits, metrics, logger, clock: () => state.ms, probe });
  const ticks = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      state.ms += 5_000;
      sources.tick();
      await new Promise(setImmediate);
    }
  };
  return { state, metrics, sources, ticks };
}

describe('what reads a slow source', () => {
  it('is stopped, whichever reads it, and goes on when it is well again; other sources are not', async () => {
    const { state, metrics, sources, ticks } = bench();
    const [one, two, other] = [new Brake(), new Brake(), new Brake()];
    const detach = sources.attach('/u', root, one);
    sources.attach('/u', bytePath.fromText('/u/bob'), two);
    state.statMs = 80;
    await ticks(5);
    sources.attach('/v', bytePath.fromText('/v/x'), other);
    expect([one.reasons, two.reasons, other.reasons]).toEqual([[SOURCE_SLOW], [SOURCE_SLOW], []]);
    const late = new Brake();
    sources.attach('/u', root, late);
    expect(late.isHeld).toBe(true);
    detach();
    expect(one.isHeld).toBe(false);
    state.statMs = 1;
    await ticks(3);
    expect([two.isHeld, late.isHeld]).toEqual([false, false]);
    const text = await metrics.render();
    expect(sampleOf(text, 'bw_source_stat_seconds', { topdir: '/u' })).toBe(0.001);
    expect(sampleOf(text, 'bw_source_throttled_seconds_total', { topdir: '/u' })).toBe(15);
  });

  it('is not probed without a limit or a reader; a limit that is taken away lets go', async () => {
    const { state, sources, ticks } = bench();
    await ticks(2);
    const brake = new Brake();
    const detach = sources.attach('/u', root, brake);
    state.limitMs = null;
    await ticks(2);
    expect(state.asked).toEqual([]);
    [state.limitMs, state.statMs] = [50, 80];
    await ticks(5);
    expect(brake.isHeld).toBe(true);
    state.limitMs = null;
    await ticks(1);
    expect(brake.isHeld).toBe(false);
    detach();
    state.limitMs = 50;
    state.asked.length = 0;
    await ticks(2);
    expect(state.asked).toEqual([]);
  });

  it('a source that does not answer is slow, and is asked once', async () => {
    const { state, sources, ticks } = bench();
    const brake = new Brake();
    sources.attach('/u', root, brake);
    state.hang = true;
    await ticks(6);
    expect([brake.isHeld, state.asked.length]).toEqual([true, 1]);
  });

  it('keeps a scan waiting until it is well, or the scan is stopped', async () => {
    const { state, sources, ticks } = bench();
    await sources.untilFree('/u', root);
    const brake = new Brake();
    sources.attach('/u', root, brake);
    state.statMs = 80;
    await ticks(5);
    const stop = new AbortController();
    const stopped = sources.untilFree('/u', root, stop.signal);
    const waiting = sources.untilFree('/u', root).then(() => 'free');
    stop.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
    state.statMs = 1;
    await ticks(3);
    expect(await waiting).toBe('free');
  });
});
