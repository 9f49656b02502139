import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BwError } from '../../../../shared/errors/bw-error.js';
import { FINDINGS, type FindingKind } from '../../../../shared/reconcile/finding.js';
import { roundOf } from '../../../../shared/reconcile/last-round.js';
import { isLeft, walk, type Area, type Decision } from '../../../../shared/reconcile/walk.js';

/** Units hold what is wrong with them; mending one thing may bring another to light. */
class Things implements Area<readonly FindingKind[], FindingKind> {
  readonly acts: string[] = [];
  constructor(readonly things: Map<string, FindingKind[]>, private readonly mend: (kind: FindingKind, unit: string) => void) {}
  units(): Iterable<string> {
    return this.things.keys();
  }
  observe(unit: string): Promise<readonly FindingKind[] | null> {
    const found = this.things.get(unit);
    return found === undefined ? Promise.reject(new Error('cannot look')) : Promise.resolve(found);
  }
  decide(kinds: readonly FindingKind[]): Decision<FindingKind>[] {
    return kinds.map((kind) => ({ kind, subject: kind, detail: '', act: FINDINGS[kind].act === 'repair' ? kind : null }));
  }
  act(kind: FindingKind, unit: string): Promise<void> {
    this.acts.push(`${unit} ${kind}`);
    this.mend(kind, unit);
    return Promise.resolve();
  }
}

async function told(area: Things, dryRun: boolean, problems: string[] = []): Promise<string[]> {
  const found = [];
  for await (const { kind, state, error } of walk(area, { dryRun, onProblem: (unit) => problems.push(unit) })) found.push(`${kind} ${state}${error === null ? '' : ` ${error}`}`);
  return found;
}

describe('walk', () => {
  it('mends one thing after the other, each after a new look; a second walk finds nothing to mend', async () => {
    const things = new Map<string, FindingKind[]>([['a', ['job-lost', 'object-missing']], ['b', []]]);
    const area = new Things(things, (kind, unit) => {
      things.set(unit, [...(things.get(unit) ?? []).filter((each) => each !== kind), ...(kind === 'job-lost' ? ['child-lost' as const] : [])]);
    });
    expect(await told(area, true)).toEqual(['job-lost found', 'object-missing left']);
    expect(area.acts).toEqual([]);
    expect(await told(area, false)).toEqual(['job-lost repaired', 'child-lost repaired', 'object-missing left']);
    expect(area.acts).toEqual(['a job-lost', 'a child-lost']);
    expect(await told(area, false)).toEqual(['object-missing left']);
  });

  it('tries what does not help once, says why a repair failed, and goes on when something cannot be looked at', async () => {
    const things = new Map<string, FindingKind[]>([['a', ['job-lost']], ['b', ['work-left']], ['c', ['index-stale']]]);
    const area = new Things(things, (kind) => {
      if (kind === 'work-left') throw new BwError('LTS_MISSING', { message: 'not mounted', retry: 'operator', hint: '' });
      things.delete('c');
    });
    const problems: string[] = [];
    area.units = () => ['a', 'b', 'c'];
    expect(await told(area, false, problems)).toEqual(['job-lost repaired', 'work-left failed LTS_MISSING: not mounted']);
    expect(problems).toEqual(['c']);
  });
});

it('counts by kind what was repaired and what is left', () => {
  const finding = (kind: FindingKind, state: 'found' | 'repaired' | 'left' | 'failed') => ({ kind, subject: 'x', detail: '', bytes: null, state, command: null, error: null });
  const findings = [finding('job-lost', 'repaired'), finding('job-lost', 'repaired'), finding('object-missing', 'left'), finding('work-left', 'failed')];
  expect(roundOf(findings, 1, new Date(0))).toEqual({ at: '1970-01-01T00:00:00.000Z', repaired: { 'job-lost': 2 }, left: { 'object-missing': 1, 'work-left': 1 }, problems: 1 });
  expect([finding('job-lost', 'found'), finding('staging-foreign', 'found')].map(isLeft)).toEqual([false, true]);
});

it('every kind of finding stands in the README', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../../shared/reconcile/README.md'), 'utf8');
  expect([...readme.matchAll(/^\| `([a-z-]+)` \| (\w+) \| (.*) \|$/gm)].map(([, kind, act, means]) => [kind, act, means])).toEqual(Object.entries(FINDINGS).map(([kind, { act, means }]) => [kind, act, means]));
});
