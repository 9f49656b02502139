import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LockKeeper } from '../../../../worker/processor/lock-keeper.js';

const timing = { lockDurationMs: 300_000, lockRenewTimeMs: 60_000 };

/** A keeper on a clock that only `pass` moves; Redis answers as `answer` says. */
function keeping(answer: () => Promise<string[]> = () => Promise.resolve([])) {
  const now = { ms: 5_000_000 };
  const renewals: string[][] = [];
  const errors: unknown[] = [];
  const keeper = new LockKeeper({
    timing,
    clock: () => now.ms,
    renew: (ids) => {
      renewals.push(ids);
      return answer();
    },
    onError: (error) => errors.push(error),
  });
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1_000) {
      now.ms += Math.min(left, 1_000);
      await vi.advanceTimersByTimeAsync(1_000);
    }
  };
  const told: string[] = [];
  const begin = (jobId: string, heldMs = 0) =>
    keeper.begin({ jobId, token: `token-${jobId}`, heldMs, onEnding: () => told.push(`${jobId} ending`), onEnded: () => told.push(`${jobId} ended`) });
  return { keeper, now, renewals, errors, pass, begin, told };
}

beforeEach(() => { vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout'] }); });
afterEach(() => { vi.useRealTimers(); });

describe('the locks of running jobs', () => {
  it('are renewed every 30 s while Redis answers, whatever the wall clock does, and no longer than the job runs', async () => {
    const { renewals, pass, begin, told } = keeping();
    const leave = begin('a');
    await pass(300_000);
    vi.setSystemTime(0); // hours back
    await pass(300_000);
    expect(renewals).toEqual(Array(20).fill(['a']));
    leave();
    await pass(600_000);
    expect([renewals.length, told]).toEqual([20, []]);
  });

  it('end, first with a warning, when Redis does not answer: the unanswered renewal is not repeated', async () => {
    const { renewals, pass, begin, told } = keeping(() => new Promise(() => undefined));
    begin('a');
    await pass(209_000);
    expect(told).toEqual([]);
    await pass(1_000);
    expect(told).toEqual(['a ending']);
    await pass(60_000);
    expect(told).toEqual(['a ending', 'a ended']);
    expect(renewals).toEqual([['a']]);
  });

  it('count from when the renewal was sent, not from when it was answered', async () => {
    const answers: ((lost: string[]) => void)[] = [];
    const { renewals, pass, begin, told } = keeping(() => new Promise((resolve) => answers.push(resolve)));
    begin('a');
    await pass(180_000);
    answers[0]?.([]); // sent at 30 s
    await pass(1_000);
    expect(renewals).toHaveLength(2); // at once again
    await pass(59_000); // 210 s after it was sent
    expect(told).toEqual(['a ending']);
  });

  it('end at once when Redis says so, for that job alone', async () => {
    const { renewals, pass, begin, told } = keeping(() => Promise.resolve(['a']));
    begin('a');
    begin('b');
    await pass(120_000);
    expect(told).toEqual(['a ended']);
    expect(renewals.slice(0, 2)).toEqual([['a', 'b'], ['b']]);
  });

  it('are over after a suspend of the machine, seen by whoever looks before the next tick', () => {
    const { keeper, now, begin, told } = keeping();
    begin('a');
    now.ms += 3_600_000;
    keeper.look();
    expect(told).toEqual(['a ended']);
  });

  it('are over from the beginning when the answer with the job was read too late', () => {
    const { begin, told } = keeping();
    begin('a', 290_000);
    begin('b', -3_600_000); // the wall clock was set back meanwhile
    expect(told).toEqual(['a ended']);
  });

  it('go on when one renewal fails', async () => {
    let failed = false;
    const { errors, pass, begin, told, renewals } = keeping(() => {
      if (failed) return Promise.resolve([]);
      failed = true;
      return Promise.reject(new Error('OOM'));
    });
    begin('a');
    await pass(120_000);
    expect([errors.length, told, renewals.length]).toEqual([1, [], 4]);
  });
});
