import { describe, expect, it } from 'vitest';
import { decideBasepath, type BasepathFacts, type JournalFacts, type Stored } from '../../../../producer/reconcile/decide-basepath.js';
import { storedFiles, type Manifest } from '../../../../shared/catalog/index.js';
import type { DeadLetter } from '../../../../shared/dead-letters/dead-letter.js';
import { factsOf } from '../../../../shared/runs/basepath-facts.js';
import { backupIdOf, BASEPATH, sampleManifest, T0 } from '../../shared/catalog/sample-backup.js';

const DAY = 86_400_000;
const FULL = sampleManifest({ capturedDay: 0 });
const INCREMENTAL = sampleManifest({ capturedDay: 1, level: 'incremental' });
const OTHER = backupIdOf(2);

function objectsOf(manifest: Manifest): Map<string, number> {
  const { backupId } = manifest;
  const parts = [...manifest.archives.flatMap(({ slices }) => slices), ...storedFiles(manifest)];
  const named = parts.map(({ locations }) => [locations['tape']?.object ?? '', 10] as const);
  return new Map([...named, ...['manifest.json', 'archives.tsv', 'SHA512SUMS'].map((name) => [`${BASEPATH}/${backupId}/${name}`, 5] as const)]);
}

const stored = (backupId: string, objects: ReadonlyMap<string, number>): Stored => ({ lts: 'tape', backupId, objects });
const journal = (fields: Partial<JournalFacts> = {}): JournalFacts => ({
  started: new Set([FULL.backupId, INCREMENTAL.backupId]), ended: new Set([FULL.backupId, INCREMENTAL.backupId]), sealed: new Set([FULL.backupId, INCREMENTAL.backupId]),
  removed: new Set(), lastFailureMs: 0, failures: null, open: [], settled: new Set(), ...fields,
});
const LETTER: DeadLetter = { v: 1, runId: OTHER, kind: 'backup', basepathId: BASEPATH, path: '/u/staff/alice', level: 'full', startedAt: FULL.startedAt, failedAt: FULL.sealedAt, code: 'X', message: 'y', last: null };
const FACTS: BasepathFacts = {
  basepathId: BASEPATH, nowMs: T0 + 10 * DAY, manifests: [FULL, INCREMENTAL], unusable: [], buried: new Set(), indexed: factsOf([FULL, INCREMENTAL]), journal: journal(), failures: null,
  letters: [], inFlight: false, openRuns: new Set(), sweeping: new Set(), stored: [stored(FULL.backupId, objectsOf(FULL)), stored(INCREMENTAL.backupId, objectsOf(INCREMENTAL))], ltsNames: ['tape'], copying: new Set(),
};
const other = (name: string): Stored => stored(OTHER, new Map([[`${BASEPATH}/${OTHER}/${name}`, 7]]));
const without = (set: ReadonlySet<string>, id: string): Set<string> => new Set([...set].filter((each) => each !== id));

const told = (facts: Partial<BasepathFacts>): string[] => decideBasepath({ ...FACTS, ...facts }).map(({ kind, act }) => `${kind} ${act?.act ?? 'report'}`);

describe('decideBasepath', () => {
  it.each<[string, Partial<BasepathFacts>, string[]]>([
    ['nothing where all say the same', {}, []],
    ['nothing of long-term storage that was not looked at', { stored: null }, []],
    ['an index without it', { indexed: null }, ['index-stale refresh-index']],
    ['an index that is older', { indexed: factsOf([FULL]) }, ['index-stale refresh-index']],
    ['an index of what is gone', { manifests: [], stored: [], journal: journal({ sealed: new Set() }) }, ['index-stale refresh-index']],
    ['a seal the journal does not know', { journal: journal({ sealed: without(journal().sealed, FULL.backupId) }) }, ['seal-unjournaled journal']],
    ['one that is being put on record', { journal: journal({ sealed: without(journal().sealed, INCREMENTAL.backupId) }), openRuns: new Set([INCREMENTAL.backupId]) }, []],
    ['a failure Redis forgot', { journal: journal({ failures: { full: 1, other: null } }) }, ['failures-stale set-failures']],
    ['a failure that was made good', { failures: { full: 1, other: null } }, ['failures-stale set-failures']],
    ['the same while something runs', { failures: { full: 1, other: null }, inFlight: true }, []],
    ['a letter that was made good', { letters: [LETTER], journal: journal({ settled: new Set([OTHER]) }) }, ['letter-settled remove-letter']],
    ['a letter that was not', { letters: [LETTER], journal: journal({ open: [LETTER] }) }, []],
    ['no letter', { journal: journal({ open: [LETTER] }) }, ['letter-missing add-letter']],
    ['no letter, tried again', { journal: journal({ open: [LETTER] }), inFlight: true }, []],
    ['no letter of this failure, one of another of its kind', { letters: [{ ...LETTER, runId: backupIdOf(3) }], journal: journal({ open: [LETTER] }) }, []],
    ['a manifest that cannot be read', { unusable: [{ backupId: OTHER, problem: 'MANIFEST_DAMAGED: x' }], stored: [...(FACTS.stored ?? []), other('a.1.dar')] }, ['manifest-unusable report']],
    ['a sealed backup that is nowhere', { journal: journal({ sealed: new Set([...journal().sealed, OTHER]) }) }, ['backup-missing report']],
    ['one that was removed', { journal: journal({ sealed: new Set([...journal().sealed, OTHER]), removed: new Set([OTHER]) }) }, []],
    ['one whose manifest long-term storage has', { journal: journal({ sealed: new Set([...journal().sealed, OTHER]) }), stored: [...(FACTS.stored ?? []), other('manifest.json')] }, ['seal-unfinished finish-seal']],
    ['a seal that was cut off, its run open', { stored: [...(FACTS.stored ?? []), other('manifest.json')], openRuns: new Set([OTHER]) }, []],
    ['a manifest of one that was erased', { stored: [...(FACTS.stored ?? []), other('manifest.json')], journal: journal({ removed: new Set([OTHER]) }) }, ['objects-unexplained report']],
    ['objects of a removed backup', { stored: [...(FACTS.stored ?? []), other('a.1.dar')], buried: new Set([OTHER]) }, []],
    ['objects of a failed backup', { stored: [...(FACTS.stored ?? []), other('a.1.dar')], journal: journal({ started: new Set([OTHER]) }) }, ['objects-left sweep']],
    ['the same, its cleanup ordered', { stored: [...(FACTS.stored ?? []), other('a.1.dar')], journal: journal({ started: new Set([OTHER]) }), sweeping: new Set([OTHER]) }, []],
    ['objects of a sealed backup that the catalog has lost: a bundle may describe it', { stored: [...(FACTS.stored ?? []), other('a.1.dar')], journal: journal({ started: new Set([OTHER]), sealed: new Set([...journal().sealed, OTHER]) }) }, ['backup-missing report', 'objects-unexplained report']],
    ['objects nobody knows', { stored: [...(FACTS.stored ?? []), other('a.1.dar')] }, ['objects-unexplained report']],
    ['objects nobody knows yet', { stored: [...(FACTS.stored ?? []), other('a.1.dar')], nowMs: T0 + 2.5 * DAY }, []],
  ])('%s', (_, facts, expected) => {
    expect(told(facts)).toEqual(expected);
  });

  it('an object that is gone, or has another size, is told and never repaired', () => {
    const objects = objectsOf(FULL);
    const slice = FULL.archives[0]?.slices[0]?.locations['tape']?.object ?? '';
    const index = FULL.index.locations['tape']?.object ?? '';
    objects.delete(slice);
    objects.set(index, 9);
    const subject = `backup ${FULL.backupId} of ${BASEPATH} in tape`;
    const command = `bw-bkup verify ${FULL.backupId} --level hash`;
    expect(decideBasepath({ ...FACTS, stored: [stored(FULL.backupId, objects), stored(INCREMENTAL.backupId, objectsOf(INCREMENTAL))] })).toEqual([
      { kind: 'object-missing', subject, detail: `1, the first ${slice}`, bytes: 10n, command, act: null },
      { kind: 'object-differs', subject, detail: `1, the first ${index}`, bytes: 10n, command, act: null },
    ]);
  });

  it('a copy that is owed and that nobody makes is ordered, once; so is told a manifest that is gone', () => {
    const lacking = { ...FULL, lacks: ['site2'] };
    const facts = { manifests: [lacking, INCREMENTAL], ltsNames: ['tape', 'site2'] };
    expect(told(facts)).toEqual(['copy-missing copy']);
    expect(told({ ...facts, copying: new Set([`${FULL.backupId} site2`]) })).toEqual([]);
    expect(told({ ...facts, ltsNames: ['tape'] })).toEqual([]);
    const objects = objectsOf(FULL);
    objects.delete(`${BASEPATH}/${FULL.backupId}/manifest.json`);
    expect(told({ stored: [stored(FULL.backupId, objects), stored(INCREMENTAL.backupId, objectsOf(INCREMENTAL))] })).toEqual(['object-missing report']);
  });

  it('objects beside those a sealed manifest names go with its cleanup, named ones never', () => {
    const objects = objectsOf(FULL).set(`${BASEPATH}/${FULL.backupId}/given-up.1.dar`, 3);
    const found = decideBasepath({ ...FACTS, stored: [stored(FULL.backupId, objects), stored(INCREMENTAL.backupId, objectsOf(INCREMENTAL))] });
    expect(found).toEqual([{ kind: 'objects-left', subject: `backup ${FULL.backupId} of ${BASEPATH}`, detail: `1, the first ${BASEPATH}/${FULL.backupId}/given-up.1.dar`, bytes: 3n, act: { act: 'sweep', backupId: FULL.backupId } }]);
  });

  it('a late record of a seal settles no failure that came after it', () => {
    const [records] = [journal({ sealed: new Set([INCREMENTAL.backupId]), ended: new Set() })].map((each) => decideBasepath({ ...FACTS, journal: each })[0]?.act);
    expect(records).toMatchObject({ records: [{ kind: 'sealed' }, { kind: 'attempt-ended', outcome: 'clean' }] });
    const failed = journal({ sealed: new Set([INCREMENTAL.backupId]), ended: new Set(), lastFailureMs: T0 + 5 * DAY });
    expect(decideBasepath({ ...FACTS, journal: failed })[0]?.act).toEqual({ act: 'journal', records: [{ kind: 'sealed', backupId: FULL.backupId, basepathId: BASEPATH }] });
  });
});
