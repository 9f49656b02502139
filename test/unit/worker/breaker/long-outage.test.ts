import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BwError, type Retry } from '../../../../shared/errors/bw-error.js';
import { LTS, MOUNT, SimulatedSite, type SiteOptions } from './simulated-site.js';

const HOUR = 3_600_000;
const STEP_MS = 60_000;
const BUDGET = 1_000;
/** The largest shard, of each of two slots. */
const MOST_BESIDE = 2 * 60;

beforeEach(() => { vi.useFakeTimers({ toFake: ['Date'], now: 0 }); });
afterEach(() => { vi.useRealTimers(); });

describe('48 hours without long-term storage: no attempt spent, no dead letter, nothing lost, one alarm', () => {
  it.each([
    ['its directory is gone', 'LTS_MISSING', 'operator'],
    ['I/O errors', 'TRANSFER_IO', 'retry'],
    ['credentials expired', 'TRANSFER_DENIED', 'operator'],
    ['full', 'TRANSFER_NO_SPACE', 'operator'],
  ] as const)('%s (%s)', async (_, code, retry) => {
    const from = HOUR;
    const site = siteWith({ trouble: ({ kind }) => (kind === 'lts' && isWithin(from, from + 48 * HOUR) ? error(code, retry) : null) });
    await live(site, 52 * HOUR, 60);
    expectAllDone(site);
    expect(site.alarms).toEqual([expect.stringMatching(/^ie\d: outage: jobs that need it wait/)]);
    // One host at a time, every ten minutes at most, and one look for each job that met it first.
    expect(site.looks).toBeLessThan(48 * 6 + 30);
    expect(site.peakStaged).toBeGreaterThan(BUDGET * 0.5); // shards went on meanwhile
    expect(site.peakStaged).toBeLessThan(BUDGET * 0.8 + MOST_BESIDE);
  });
});

describe('outages that come and go, while hosts do', () => {
  it.each(Array.from({ length: 10 }, (_, seed) => [seed]))('seed %i', async (seed) => {
    const random = randomOf(seed);
    const outages = Array.from({ length: 6 }, () => ({ from: random() * 40 * HOUR, ms: random() * 5 * HOUR, kind: random() < 0.5 ? LTS.kind : MOUNT.kind, host: random() < 0.3 ? 'ie2' : null }));
    const downs = Array.from({ length: 5 }, () => ({ host: `ie${1 + Math.floor(random() * 3)}`, from: random() * 40 * HOUR, ms: random() * 3 * HOUR }));
    const site = siteWith({
      random,
      hosts: ['ie1', 'ie2', 'ie3'].map((name) => ({ name, alive: () => !downs.some(({ host, from, ms }) => host === name && isWithin(from, from + ms)) })),
      trouble: ({ kind }, host) => {
        const out = outages.find((each) => each.kind === kind && (each.host === null || each.host === host) && isWithin(each.from, each.from + each.ms));
        return out === undefined ? null : kind === 'lts' ? error('TRANSFER_IO', 'retry') : error('SOURCE_MISSING', 'operator');
      },
    });
    await live(site, 50 * HOUR, 60);
    expectAllDone(site);
  });
});

it.each([
  ['TRANSFER_IO', 'retry', 4],
  ['TRANSFER_DENIED', 'operator', 1],
] as const)('%s that only one job meets while all is well is its own: a dead letter after %s, %i attempts, and nobody waits', async (code, retry, attempts) => {
  const site = siteWith({ trouble: () => null, troubleOf: (id) => (id === 'send.shard.3' ? error(code, retry) : null) });
  await live(site, 4 * HOUR, 6);
  expect(site.alarms).toEqual([]);
  expect(site.jobs.filter(({ state }) => state !== 'done').map(({ id, state, attemptsMade }) => [id, state, attemptsMade])).toEqual([['send.shard.3', 'dead', attempts]]);
});

function siteWith(options: Pick<SiteOptions, 'trouble'> & Partial<SiteOptions>): SimulatedSite {
  return new SimulatedSite({ now: () => Date.now(), hosts: ['ie1', 'ie2', 'ie3'].map((name) => ({ name, alive: () => true })), budgetBytes: BUDGET, random: randomOf(7), ...options });
}

/** A shard every half an hour, `shards` in all. */
async function live(site: SimulatedSite, untilMs: number, shards: number): Promise<void> {
  const random = randomOf(shards);
  for (let at = 0, next = 0; at < untilMs; at += STEP_MS) {
    vi.setSystemTime(at);
    if (next < shards && at >= next * HOUR / 2) site.add('shard', `shard.${next++}`, 'backup', 20 + Math.floor(random() * 40));
    await site.step();
  }
}

function expectAllDone(site: SimulatedSite): void {
  expect(site.jobs.filter(({ state }) => state !== 'done').map(({ id, state }) => `${id} ${state}`)).toEqual([]);
  expect(site.jobs.filter(({ attemptsMade }) => attemptsMade > 0)).toEqual([]);
  expect(site.jobs.filter(({ name }) => name === 'backup')).toHaveLength(60);
  expect(site.hosts.map(({ staged }) => staged)).toEqual(site.hosts.map(() => 0));
}

function isWithin(from: number, to: number): boolean {
  return Date.now() >= from && Date.now() < to;
}

function error(code: string, retry: Retry): BwError {
  return new BwError(code, { message: 'm', retry, hint: 'h', lts: LTS.name });
}

/** mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
