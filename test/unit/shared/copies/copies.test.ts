import { expect, it } from 'vitest';
import { copyRecord, withCopies, type Manifest, type ObjectLocation } from '../../../../shared/catalog/index.js';
import { bundlingLts, copyStates, isCompleteIn, owedBy, partsOf } from '../../../../shared/copies/copy-state.js';
import { CopyTally } from '../../../../shared/copies/copy-tally.js';
import { goalOf, goalToNote, hasEnough, stillNeeded } from '../../../../shared/copies/enough.js';
import { ownObjects, recordObject, remadeObject } from '../../../../shared/copies/named.js';
import { backupIdOf, BASEPATH, sampleManifest, T0 } from '../catalog/sample-backup.js';

const PREFIX = `${BASEPATH}/${backupIdOf(0)}`;
const DAY_MS = 86_400_000;
const at = (name: string): ObjectLocation => ({ object: `${PREFIX}/${name}`, offset: 0, length: 10 });

/** The sample is whole in `tape`; what else there is of it. */
function backup(more: Partial<Manifest>, ...records: { lts: string; parts: 'all' | 'slices' | 'index' | 'none' }[]): Manifest {
  const manifest = { ...sampleManifest(), ...more };
  const wanted = { all: () => true, slices: (name: string) => name.endsWith('.1.dar') && name.includes('.s0001'), index: (name: string) => name === manifest.index.name, none: () => false };
  return withCopies(manifest, records.map(({ lts, parts }) => copyRecord({
    backupId: manifest.backupId,
    lts,
    at: '2026-01-02T00:00:00.000Z',
    locations: Object.fromEntries(partsOf(manifest).filter(({ name }) => wanted[parts](name)).map(({ name }) => [name, at(name)])),
  })));
}

function gone(manifest: Manifest, lts: string, name: string): Manifest {
  return withCopies(manifest, [copyRecord({ backupId: manifest.backupId, lts, at: '2026-01-03T00:00:00.000Z', locations: { [name]: null } })]);
}

it('golden: what each LTS holds of a backup, and what it owes', async () => {
  const imported = { imported: { from: '/x', at: '2026-01-01T00:00:00.000Z' } };
  const cases: [string, Manifest, ...bundling: string[]][] = [
    ['as it sealed, in one', backup({})],
    ['sealed without the second', backup({ lacks: ['site2'] })],
    ['its copy half made', backup({ lacks: ['site2'] }, { lts: 'site2', parts: 'slices' })],
    ['its copy made', backup({ lacks: ['site2'] }, { lts: 'site2', parts: 'all' })],
    ['slices there, our own files in a bundle behind them', backup({}, { lts: 'site2', parts: 'slices' })],
    ['only our own index there', backup({}, { lts: 'site2', parts: 'index' })],
    ['its manifest did not arrive', gone(backup({}, { lts: 'site2', parts: 'all' }), 'site2', sampleManifest().index.name)],
    ['a slice of the first is gone', gone(backup({}), 'tape', sampleManifest().archives[0]?.slices[0]?.name ?? '')],
    ['an import, a part elsewhere', backup(imported, { lts: 'site2', parts: 'index' })],
    ['nothing had changed, so no slices', backup({ archives: [] })],
    ['the same, the second bundles', backup({ archives: [] }), 'site2'],
    ['the same, but our own files did not all get there as objects of their own', backup({ archives: [] }, { lts: 'site2', parts: 'index' }), 'site2'],
    ['the same, but it says that it lacks something', backup({ archives: [], lacks: ['site2'] }), 'site2'],
    ['slices that the second has not, and it bundles', backup({}), 'site2'],
  ];
  const lines = cases.map(([title, manifest, ...bundling]) => {
    const states = copyStates(manifest, ['tape', 'site2'], bundling).map(({ lts, state, thereBytes, bytes }) => `${lts} ${state} ${thereBytes}/${bytes}`);
    return `${title}: ${states.join(', ')}; owed by ${owedBy(manifest, ['tape', 'site2']).join(' ') || 'none'}`;
  });
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/copy-states.txt');
});

it('knows from the configuration where our own files of a backup are in bundles', () => {
  const lts = [{ name: 'tape', bundle: {} }, { name: 'site2', bundle: {} }, { name: 'disk', bundle: null }];
  const of = (topdirs: { path: string; lts: string[] }[]): string[] => bundlingLts({ lts, topdirs }, backup({}));
  expect(of([{ path: '/u/staff', lts: ['tape', 'disk'] }])).toEqual(['tape']);
  expect(of([{ path: '/u/other', lts: ['tape'] }])).toEqual(['tape', 'site2']);
});

it('golden: what is enough to seal', async () => {
  const goals = [undefined, { lts: ['a', 'b'], toSeal: 1 }, { lts: ['b'], toSeal: 1 }, { lts: ['a', 'b', 'gone'], toSeal: 3 }, { lts: ['gone'], toSeal: 1 }];
  const lines = goals.flatMap((goal) => [[], ['a'], ['b'], ['a', 'b']].map((names) => {
    const item = { committed: Object.fromEntries(names.map((name) => [name, {}])), goal };
    const { lts, toSeal } = goalOf(item, ['a', 'b']);
    return `${goal === undefined ? 'no goal' : `${goal.toSeal} of ${goal.lts.join('+')}`}, in ${names.join('+') || 'none'}: needs ${toSeal} of ${lts.join('+') || 'none'}, ${stillNeeded(item, ['a', 'b'])} more, ${hasEnough(item, ['a', 'b']) ? 'seals' : 'waits'}`;
  }));
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/enough.txt');
});

it('notes a goal only where it is not "everywhere"', () => {
  expect(goalToNote({ lts: ['a', 'b'], toSeal: 2 }, ['a', 'b'])).toEqual({});
  expect(goalToNote({ lts: ['a', 'b'], toSeal: 1 }, ['a', 'b'])).toEqual({ goal: { lts: ['a', 'b'], toSeal: 1 } });
  expect(goalToNote({ lts: ['b'], toSeal: 1 }, ['a', 'b'])).toEqual({ goal: { lts: ['b'], toSeal: 1 } });
});

it('takes nothing for rubbish that a copy under way may have made', () => {
  const manifest = backup({});
  const isOwn = ownObjects(manifest, PREFIX);
  const own = [...partsOf(manifest).map(({ name }) => `${PREFIX}/${name}`), `${PREFIX}/manifest.json`, remadeObject(PREFIX, 2, 'x.1.dar'), recordObject(PREFIX, 'ab'.repeat(64))];
  expect(own.filter((object) => !isOwn(object))).toEqual([]);
  expect([`${PREFIX}/old.1.dar`, `${PREFIX}/copies.1.json`, `other/${backupIdOf(0)}/manifest.json`].filter(isOwn)).toEqual([]);
});

it('counts backups by LTS, the oldest missing one with its age, and names of LTS that are no more', () => {
  const topdirs = [{ path: '/u/staff', lts: ['tape', 'site2'], copies: { missingForMs: 3 * DAY_MS } }];
  const tally = new CopyTally([{ name: 'site2', bundle: null }, { name: 'disk', bundle: null }], topdirs, T0 + 4 * DAY_MS);
  tally.add(backup({ lacks: ['site2'] }));
  tally.add({ ...backup({ lacks: ['site2'] }), backupId: backupIdOf(3), sealedAt: new Date(T0 + 3 * DAY_MS).toISOString() });
  tally.add(backup({}, { lts: 'site2', parts: 'all' }));
  tally.add(backup({}));
  const [site2, disk] = tally.rows;
  expect(site2).toMatchObject({ lts: 'site2', complete: 1, missing: 2, overdue: 1, absent: 1, oldest: { backupId: backupIdOf(0), isOverdue: true } });
  expect(disk).toMatchObject({ lts: 'disk', complete: 0, missing: 0, absent: 0, oldest: null });
  expect([...tally.unknown]).toEqual(['tape']);
  expect(isCompleteIn(backup({}), 'tape')).toBe(true);
});
