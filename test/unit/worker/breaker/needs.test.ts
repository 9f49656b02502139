import { describe, expect, it } from 'vitest';
import { BwError } from '../../../../shared/errors/bw-error.js';
import { label } from '../../../../shared/breaker/breaker.js';
import { priorityOf } from '../../../../shared/queues/priorities.js';
import { fillsStaging, holdsBack, needsToBegin, suspectsOf } from '../../../../worker/breaker/needs.js';

const HERE = { host: 'ie1', lts: ['disk', 'tape'] };
const plan = { name: 'backup', priority: priorityOf('full', 'plan'), data: { topdir: '/u' } };
const seal = { ...plan, priority: priorityOf('full', 'seal') };
const shard = { name: 'shard', priority: priorityOf('full', 'shard'), data: { topdir: '/u' } };
const send = { name: 'send', priority: 1, data: {} };

it.each([
  ['a plan', plan, ['catalog:catalog', 'mount:/u']],
  ['a plan that reads no source', { ...plan, data: { topdir: '/u', consolidates: 'X' } }, ['catalog:catalog']],
  ['a seal', seal, ['catalog:catalog', 'lts:disk', 'lts:tape']],
  ['a shard', shard, ['catalog:catalog', 'staging:ie1', 'mount:/u']],
  ['a sweep', { ...send, name: 'sweep-backup' }, ['catalog:catalog', 'lts:disk', 'lts:tape']],
  ['a renewal of the restore kits', { ...send, name: 'refresh-kit' }, ['catalog:catalog']],
  ['a copy', { ...send, name: 'copy', data: { lts: 'tape' } }, ['catalog:catalog', 'lts:tape']],
  ['a transfer, which sends to what is there', send, []],
  ['a restore', { ...send, name: 'restore' }, []],
])('%s cannot begin without %j', (_, job, needs) => {
  expect(needsToBegin(job, HERE).map(label)).toEqual(needs);
});

describe('where one of two is enough', () => {
  const goals = new Map([['/u', { lts: ['disk', 'tape'], toSeal: 1 }], ['/one', { lts: ['tape'], toSeal: 1 }]]);
  const there = { ...HERE, goals };
  const out = (...names: string[]) => ({ kind, name }: { kind: string; name: string }): boolean => kind === 'lts' && names.includes(name);

  it('a seal begins, and finds out who is there', () => {
    expect(needsToBegin(seal, there).map(label)).toEqual(['catalog:catalog']);
    expect(needsToBegin({ ...seal, data: { topdir: '/one' } }, there).map(label)).toEqual(['catalog:catalog', 'lts:tape']);
  });

  it.each([
    ['neither is out', shard, [], null],
    ['one is out, which keeps nothing in staging', shard, ['tape'], null],
    ['both are out', shard, ['disk', 'tape'], 'lts:disk'],
    ['one of a topdir that goes to no other', { ...shard, data: { topdir: '/one' } }, ['tape'], 'lts:tape'],
    ['one that the topdir does not go to', { ...shard, data: { topdir: '/one' } }, ['disk'], null],
    ['one of a topdir that needs both', { ...shard, data: { topdir: '/other' } }, ['tape'], 'lts:tape'],
    ['a seal fills nothing', seal, ['disk', 'tape'], null],
  ])('above the high water, %s', (_, job, names, expected) => {
    const held = holdsBack(job, there, out(...names));
    expect(held === null ? null : label(held)).toBe(expected);
  });
});

it('plans and shards fill staging', () => {
  expect([plan, shard, seal, send].map(fillsStaging)).toEqual([true, true, false, false]);
});

it.each([
  ['TRANSFER_IO', 'tape', send, ['lts:tape']],
  ['TRANSFER_IO', undefined, send, ['lts:disk', 'lts:tape']],
  ['SOURCE_EMPTY', undefined, plan, ['mount:/u']],
  ['SOURCE_EMPTY', undefined, send, []],
  ['DAR_FAILED', undefined, shard, ['mount:/u', 'staging:ie1']],
  ['TOO_MANY_EXCEPTIONS', undefined, shard, []],
])('%s of %s may be an outage', (code, lts, job, suspects) => {
  const error = new BwError(code, { message: 'm', retry: 'retry', hint: 'h', ...(lts === undefined ? {} : { lts }) });
  expect(suspectsOf(error, job, HERE).map(label)).toEqual(suspects);
});
