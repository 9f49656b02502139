import type { Job } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { RunningJobs } from '../../../../worker/processor/running-jobs.js';

const job = (id: string): Job => ({ id }) as unknown as Job;

describe('running jobs', () => {
  it('are stopped by queue and id, and the first reason counts', () => {
    const running = new RunningJobs();
    const shard = running.begin('backup', job('a'));
    const other = running.begin('transfer-here', job('a'));
    expect(running.stop('backup', 'a', 'preempted')).toBe(true);
    shard.stop('shutdown');
    expect([shard.signal.reason, shard.hurry.aborted, other.signal.aborted]).toEqual(['preempted', false, false]);
    expect(running.stop('backup', 'b', 'preempted')).toBe(false);
  });

  it('are hurried when their lock is lost, also after another reason', () => {
    const running = new RunningJobs();
    const shard = running.begin('backup', job('a'));
    shard.stop('preempted');
    running.stop('backup', 'a', 'lost-lock');
    expect([shard.signal.reason, shard.hurry.reason]).toEqual(['preempted', 'lost-lock']);
  });

  it('are no more on the list when they have ended, unless a second start of the same job has begun', () => {
    const running = new RunningJobs();
    const first = running.begin('backup', job('a'));
    const second = running.begin('backup', job('a'));
    first.ends();
    expect(running.list().map(({ signal }) => signal)).toEqual([second.signal]);
    second.ends();
    expect(running.list()).toEqual([]);
  });

  it('that begin while the worker closes are stopped too', () => {
    const running = new RunningJobs();
    running.close('shutdown');
    expect(running.begin('backup', job('late')).signal.reason).toBe('shutdown');
  });
});
