import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withinMs } from '../../../../shared/signals/within-ms.js';
import { collectGarbage } from '../../../helpers/collect-garbage.js';

describe('withinMs', () => {
  const aborted = async (signal: AbortSignal): Promise<unknown> => {
    if (!signal.aborted) await once(signal, 'abort');
    return signal.reason;
  };

  it('aborts in time, though garbage was collected meanwhile and nothing but a combined signal knows of the limit', async () => {
    const outer = new AbortController();
    const waiting = [undefined, outer.signal].map((signal) => withinMs(200, signal, (limited) => aborted(AbortSignal.any([limited, new AbortController().signal]))));
    await Promise.resolve();
    collectGarbage();
    for (const reason of await Promise.all(waiting)) expect(reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('aborts when the signal it was given does, also before it began', async () => {
    const outer = new AbortController();
    const waiting = withinMs(60_000, outer.signal, aborted);
    outer.abort('enough');
    expect([await waiting, await withinMs(60_000, outer.signal, aborted)]).toEqual(['enough', 'enough']);
  });

  it('returns what the work returns, throws what it throws', async () => {
    expect(await withinMs(60_000, undefined, () => Promise.resolve(7))).toBe(7);
    await expect(withinMs(60_000, undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
