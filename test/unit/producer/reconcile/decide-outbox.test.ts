import { expect, it } from 'vitest';
import { decideOutbox, type WaitingFacts } from '../../../../producer/reconcile/outbox-area.js';

const stored = (about: Partial<NonNullable<WaitingFacts['stored']>> = {}): WaitingFacts['stored'] => ({ host: 'off', file: '/s/a', committed: {}, ...about });
const slice = (phase: string | null, item: WaitingFacts['stored']): WaitingFacts => ({ item: { object: 'a/B/1.dar', kind: 'slice', file: '/s/a', bytes: 10 }, phases: [phase], stored: item });
const other = (kind: 'file' | 'bundle', ...phases: (string | null)[]): WaitingFacts => ({ item: { object: 'a/B/manifest.json', kind, file: '/s/m', bytes: 5 }, phases, stored: null });
const decide = (...waiting: WaitingFacts[]) => decideOutbox({ lts: 'tape', host: 'off', silentMs: 3_600_000, waiting });

it.each<[string, WaitingFacts]>([
  ['a slice of a backup that is being saved', slice('saving', stored())],
  ['one that is in another storage already', slice('saving', stored({ committed: { disk: { object: 'o', offset: 0, length: 1 } } }))],
  ['one of a backup that is being sealed', slice('sealing', stored())],
  ['a file of a seal that goes on', other('file', 'sealing')],
  ['a bundle of which one backup goes on', other('bundle', 'done', 'saving')],
])('%s stays', (_, facts) => {
  expect(decide(facts)).toEqual([]);
});

it.each<[string, WaitingFacts]>([
  ['a slice of a backup that failed', slice('failed', stored())],
  ['of one that sealed', slice('done', stored())],
  ['of one that is not on record', slice(null, stored())],
  ['one that another host has taken over', slice('saving', stored({ host: 'on' }))],
  ['one that was made again', slice('saving', stored({ file: '/s/b' }))],
  ['one that is there', slice('saving', stored({ committed: { tape: { object: 'o', offset: 0, length: 1 } } }))],
  ['one that no start has on record', slice('saving', null)],
  ['a file of a backup that ended', other('file', 'done')],
  ['a file of none', other('file', null)],
  ['a bundle that is sent, or that nobody knows', other('bundle')],
])('%s goes', (_, facts) => {
  expect(decide(facts)).toMatchObject([{ kind: 'outbox-left', subject: 'outbox of off for tape', act: { objects: [facts.item.object] } }]);
});

it('tells how much goes of how much, and of which the host has not been heard for how long', () => {
  const [finding] = decide(slice('saving', stored()), other('file', 'done'), other('file', null));
  expect(finding).toMatchObject({ detail: '2 of 3 files, the first a/B/manifest.json; no worker was heard there for 1h 00m', bytes: 10n });
});
