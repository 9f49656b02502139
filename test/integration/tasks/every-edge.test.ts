import type { Command, Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { Outbox } from '../../../shared/tasks/outbox.js';
import { TaskStore } from '../../../shared/tasks/task-store.js';
import { startRedis } from '../http/redis.js';
import { fakeBackend, FakeService } from './fake-service.js';
import { committed, handOverJob, liveTasks, savingBackup, senderOf } from './task-site.js';

const NEVER = new Promise<never>(() => undefined);

/** A process that dies before or after its n-th change of something that outlives it: from then on nothing of it happens, and nothing is answered. */
class Mortal {
  #steps = 0;
  isDead = false;
  #died: () => void = () => undefined;
  readonly died = new Promise<void>((resolve) => { this.#died = resolve; });

  constructor(
    readonly edge: number,
    readonly when: 'before' | 'after',
  ) {}

  async step<T>(effect: () => T): Promise<Awaited<T>> {
    if (this.isDead) return NEVER;
    this.#steps++;
    const isLast = this.#steps === this.edge;
    if (isLast && this.when === 'before') return this.#die();
    const result = await effect();
    return isLast ? this.#die() : result;
  }

  #die(): Promise<never> {
    this.isDead = true;
    this.#died();
    return NEVER;
  }
}

const CHANGES = new Set(['eval', 'hdel', 'hincrby', 'hset', 'zadd', 'xadd', 'evalsha', 'exec']);

/** The same connection as such a process has it. */
function redisOf(redis: Redis, mortal: Mortal): Redis {
  const sendCommand = (command: Command, stream?: unknown): unknown => {
    if (!CHANGES.has(command.name)) return mortal.isDead ? NEVER : redis.sendCommand(command, stream as never);
    return mortal.step(() => redis.sendCommand(command, stream as never) as Promise<unknown>);
  };
  return Object.assign(Object.create(redis) as Redis, { sendCommand });
}

/** One worker brings two backups away and dies at an edge; another one of the same host goes on. Returns whether it died. */
async function dieAt(redis: Redis, edge: number, when: 'before' | 'after'): Promise<boolean> {
  const service = new FakeService();
  const backups = [await savingBackup(redis, 'here', 3), await savingBackup(redis, 'here', 2)];
  const next = senderOf(redis, 'here', service);
  for (const backup of backups) expect(await handOverJob(next.context, backup)).toBe('waits');
  const mortal = new Mortal(edge, when);
  const first = senderOf(redisOf(redis, mortal), 'here', service, { backend: fakeBackend(service, (_, effect) => mortal.step(effect)), timing: { lookMs: 0, holdMs: 1 } });
  const life = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) {
      await first.sender.round();
      await first.sender.idle();
      service.deliver();
    }
  };
  await Promise.race([life(), mortal.died]);
  while ((await new TaskStore(redis).all()).some(({ holder }) => holder !== null)); // for a millisecond after its last sign of life
  for (let round = 0; round < 4; round++) {
    await next.sender.round();
    await next.sender.idle();
    service.deliver();
  }
  const keys = service.tasks.map(({ key }) => key);
  const at = `${when} ${String(edge)}`;
  expect(service.twice, at).toEqual([]);
  expect(new Set(keys).size, at).toBe(keys.length);
  expect(service.tasks.map(({ items }) => items.length), at).toEqual([5]);
  for (const backup of backups) {
    expect(await committed(redis, backup), at).toEqual(backup.objects);
    expect(await handOverJob(next.context, backup), at).toBe('done');
  }
  expect([await liveTasks(redis), await new Outbox(redis).count('far', 'here')], at).toEqual([0, 0]);
  return mortal.isDead;
}

it('a worker that dies at any edge of a task leaves one task per key, which is adopted, and everything is brought once', async () => {
  const { redis } = await startRedis();
  for (const when of ['before', 'after'] as const) {
    let edge = 1;
    while (await dieAt(redis, edge, when)) edge++;
    expect(edge).toBeGreaterThan(15); // prepare, open, hold, submit, note, look, verifying, two per item, close
  }
});
