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

  it('are hurried by queue, whatever they were asked before, or all of them', () => {
    const running = new RunningJobs();
    const [shard, transfer] = [running.begin('backup', job('a')), running.begin('transfer-here', job('b'))];
    running.refuse(['backup'], 'drained', { running: true });
    running.hurry(['backup'], 'drained');
    expect([shard.hurry.reason, transfer.hurry.aborted]).toEqual(['drained', false]);
    running.hurry(null, 'shutdown');
    expect([shard.hurry.reason, transfer.hurry.reason]).toEqual(['drained', 'shutdown']);
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

  it('of a queue that is refused are stopped, now and when they begin, until it is accepted again', () => {
    const running = new RunningJobs();
    const [shard, transfer] = [running.begin('backup', job('a')), running.begin('transfer-here', job('b'))];
    running.refuse(['backup'], 'drained', { running: true });
    const late = running.begin('backup', job('c'));
    running.accept(['backup']);
    const after = running.begin('backup', job('d'));
    expect([shard, transfer, late, after].map(({ signal }) => signal.reason as unknown)).toEqual(['drained', undefined, 'drained', undefined]);
  });

  it('may finish where only new ones are refused', () => {
    const running = new RunningJobs();
    const shard = running.begin('backup', job('a'));
    running.refuse(['backup'], 'drained', { running: false });
    expect([shard.signal.aborted, running.begin('backup', job('b')).signal.aborted]).toEqual([false, true]);
  });
});
