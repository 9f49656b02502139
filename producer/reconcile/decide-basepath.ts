import { isDeepStrictEqual } from 'node:util';
import { decodeTime } from 'ulid';
import { isBackupId } from '../../shared/catalog/layout.js';
import { storedFiles, type Manifest } from '../../shared/catalog/index.js';
import { owedBy } from '../../shared/copies/copy-state.js';
import { ownObjects } from '../../shared/copies/named.js';
import type { DeadLetter } from '../../shared/dead-letters/dead-letter.js';
import type { JournalEntry } from '../../shared/journal/index.js';
import type { Decision } from '../../shared/reconcile/walk.js';
import type { BasepathFacts as IndexFacts } from '../../shared/runs/basepath-facts.js';
import { factsOf } from '../../shared/runs/basepath-facts.js';
import type { Failures } from '../../shared/runs/failures.js';
import { sealedRecords } from '../../shared/runs/record-sealed.js';

/** What one LTS holds of one backup. */
export interface Stored {
  readonly lts: string;
  readonly backupId: string;
  /** Object name -> bytes. */
  readonly objects: ReadonlyMap<string, number>;
}

/** What the journal says of a basepath. */
export interface JournalFacts {
  readonly started: ReadonlySet<string>;
  /** Backups whose attempt ended well or badly. */
  readonly ended: ReadonlySet<string>;
  readonly sealed: ReadonlySet<string>;
  /** Removed or erased, whatever came of it. */
  readonly removed: ReadonlySet<string>;
  /** A backup that failed after this instant, ms, would be settled by a late record of a success. */
  readonly lastFailureMs: number;
  readonly failures: Failures | null;
  /** Letters there should be. */
  readonly open: readonly DeadLetter[];
  /** Runs whose failure a later backup made good. */
  readonly settled: ReadonlySet<string>;
}

export interface BasepathFacts {
  readonly basepathId: string;
  readonly nowMs: number;
  readonly manifests: readonly Manifest[];
  readonly unusable: readonly { readonly backupId: string; readonly problem: string }[];
  /** Backups with a tombstone: undelete and erasure are their owners. */
  readonly buried: ReadonlySet<string>;
  readonly indexed: IndexFacts | null;
  readonly journal: JournalFacts;
  readonly failures: Failures | null;
  readonly letters: readonly DeadLetter[];
  /** Something of it waits or runs: what it left, and what follows from it, is on its way. */
  readonly inFlight: boolean;
  /** Backups of it whose run has not ended. */
  readonly openRuns: ReadonlySet<string>;
  /** Backups whose leftovers are ordered away already, or kept for a while. */
  readonly sweeping: ReadonlySet<string>;
  /** Null: long-term storage was not looked at. */
  readonly stored: readonly Stored[] | null;
  readonly ltsNames: readonly string[];
  /** `BACKUP LTS` of copies that are ordered. */
  readonly copying: ReadonlySet<string>;
}

export type BasepathAct =
  | { readonly act: 'refresh-index' }
  | { readonly act: 'journal'; readonly records: readonly JournalEntry[] }
  | { readonly act: 'set-failures'; readonly from: Failures | null; readonly to: Failures | null }
  | { readonly act: 'remove-letter'; readonly runId: string }
  | { readonly act: 'add-letter'; readonly letter: DeadLetter }
  | { readonly act: 'finish-seal'; readonly backupId: string }
  | { readonly act: 'sweep'; readonly backupId: string }
  | { readonly act: 'copy'; readonly backupId: string; readonly lts: string };

type Found = Decision<BasepathAct>;

/** Who sealed a backup puts that on record within this, ms. */
const RECORDED_MS = 600_000;
const YOUNG_MS = 86_400_000;

/** What catalog, journal, Redis and long-term storage say of one basepath, where they do not say the same (pure). */
export function decideBasepath(facts: BasepathFacts): Found[] {
  return [...decideIndex(facts), ...decideRecords(facts), ...decideFailures(facts), ...decideLetters(facts), ...decideBackups(facts), ...decideCopies(facts), ...decideStored(facts)];
}

function decideIndex({ basepathId, manifests, indexed }: BasepathFacts): Found[] {
  const expected = factsOf(manifests);
  if (isDeepStrictEqual(expected, indexed)) return [];
  const say = (facts: IndexFacts | null): string => (facts === null ? 'no backup' : facts.backupId);
  return [{ kind: 'index-stale', subject: `basepath ${basepathId}`, detail: `Redis: ${say(indexed)}, catalog: ${say(expected)}`, act: { act: 'refresh-index' } }];
}

function decideRecords({ basepathId, manifests, journal, openRuns, nowMs }: BasepathFacts): Found[] {
  const missing = manifests.filter(({ backupId, imported, sealedAt }) => imported === undefined && !journal.sealed.has(backupId) && !openRuns.has(backupId) && nowMs - Date.parse(sealedAt) > RECORDED_MS);
  return missing.map((manifest): Found => {
    const [sealed, ended] = sealedRecords(manifest);
    // Records count in their order: the end of an old attempt must not come after a failure that it has not made good.
    const withEnd = !journal.ended.has(manifest.backupId) && journal.lastFailureMs < Date.parse(manifest.sealedAt);
    return { kind: 'seal-unjournaled', subject: `backup ${manifest.backupId} of ${basepathId}`, detail: `sealed ${manifest.sealedAt}`, act: { act: 'journal', records: withEnd ? [sealed, ended] : [sealed] } };
  });
}

function decideFailures({ basepathId, journal, failures, inFlight }: BasepathFacts): Found[] {
  if (inFlight || isDeepStrictEqual(failures, journal.failures)) return [];
  const say = (each: Failures | null): string => (each === null ? 'none' : JSON.stringify(each));
  return [{ kind: 'failures-stale', subject: `basepath ${basepathId}`, detail: `Redis: ${say(failures)}, journal: ${say(journal.failures)}`, act: { act: 'set-failures', from: failures, to: journal.failures } }];
}

function decideLetters({ basepathId, journal, letters, inFlight }: BasepathFacts): Found[] {
  const settled = letters.filter(({ runId, kind }) => kind === 'backup' && journal.settled.has(runId));
  // `dead retry` takes a letter away while the next backup runs; and of several failures of a kind one letter is enough.
  const isThere = (letter: DeadLetter): boolean => letters.some((each) => each.kind === 'backup' && (each.level === 'full') === (letter.level === 'full'));
  const missing = inFlight ? [] : journal.open.filter((letter) => !isThere(letter));
  return [
    ...settled.map(({ runId, code }): Found => ({ kind: 'letter-settled', subject: `dead letter ${runId} of ${basepathId}`, detail: code, act: { act: 'remove-letter', runId } })),
    ...missing.map((letter): Found => ({ kind: 'letter-missing', subject: `backup ${letter.runId} of ${basepathId}`, detail: `${letter.code}: ${letter.message}`, act: { act: 'add-letter', letter } })),
  ];
}

function decideBackups({ basepathId, manifests, unusable, buried, journal, stored }: BasepathFacts): Found[] {
  const there = new Set([...manifests.map(({ backupId }) => backupId), ...unusable.map(({ backupId }) => backupId), ...buried, ...journal.removed]);
  const storedManifests = new Set((stored ?? []).flatMap(({ backupId, objects }) => (objects.has(manifestOf(basepathId, backupId)) ? [backupId] : [])));
  const lost = [...journal.sealed].filter((backupId) => !there.has(backupId) && !storedManifests.has(backupId));
  return [
    ...unusable.map(({ backupId, problem }): Found => ({ kind: 'manifest-unusable', subject: `backup ${backupId} of ${basepathId}`, detail: problem, command: `bw-bkup backup ${basepathId} --level full`, act: null })),
    ...lost.map((backupId): Found => ({ kind: 'backup-missing', subject: `backup ${backupId} of ${basepathId}`, detail: 'sealed by the journal, not in the catalog', command: 'bw-bkup catalog rebuild', act: null })),
  ];
}

/** Who seals orders what is missing then; this is for orders that were lost, or failed for good. */
function decideCopies({ basepathId, manifests, ltsNames, copying, openRuns, nowMs }: BasepathFacts): Found[] {
  const settled = manifests.filter(({ backupId, sealedAt }) => !openRuns.has(backupId) && nowMs - Date.parse(sealedAt) > RECORDED_MS);
  return settled.flatMap((manifest) => owedBy(manifest, ltsNames)
    .filter((lts) => !copying.has(`${manifest.backupId} ${lts}`))
    .map((lts): Found => ({ kind: 'copy-missing', subject: `backup ${manifest.backupId} of ${basepathId} in ${lts}`, detail: `sealed ${manifest.sealedAt}`, act: { act: 'copy', backupId: manifest.backupId, lts } })));
}

function decideStored(facts: BasepathFacts): Found[] {
  const { stored, ltsNames } = facts;
  if (stored === null) return [];
  const missing = facts.manifests.flatMap((manifest) => ltsNames.flatMap((lts) => decideNamed(facts, manifest, lts)));
  const left = [...new Set(stored.map(({ backupId }) => backupId))].flatMap((backupId) => decideUnnamed(facts, backupId));
  return [...missing, ...left];
}

/** Of what a manifest names in an LTS. An object of another basepath's directory (an import) is not looked for here. */
function decideNamed({ basepathId, stored, ltsNames }: BasepathFacts, manifest: Manifest, lts: string): Found[] {
  const { backupId } = manifest;
  const there = (stored ?? []).find((each) => each.lts === lts && each.backupId === backupId)?.objects ?? new Map<string, number>();
  const prefix = `${basepathId}/${backupId}/`;
  const named = namedIn(manifest, lts).filter(({ object }) => object.startsWith(prefix));
  const command = ltsNames.length > 1 ? `bw-bkup copies repair ${backupId} --lts ${lts}` : `bw-bkup verify ${backupId} --level hash`;
  const subject = `backup ${backupId} of ${basepathId} in ${lts}`;
  // Where the index is an object of its own, so is the manifest.
  const last = { object: `${prefix}manifest.json`, bytes: 0 };
  const isPlain = manifest.index.locations[lts]?.object.startsWith(prefix) === true;
  const gone = [...named, ...(isPlain ? [last] : [])].filter(({ object }) => !there.has(object));
  const other = named.filter(({ object, bytes }) => there.has(object) && there.get(object) !== bytes);
  const tell = (kind: Found['kind'], objects: readonly { object: string; bytes: number }[]): Found[] => {
    if (objects.length === 0) return [];
    return [{ kind, subject, detail: `${objects.length}, the first ${objects[0]?.object ?? ''}`, bytes: sum(objects.map(({ bytes }) => bytes)), command, act: null }];
  };
  return [...tell('object-missing', gone), ...tell('object-differs', other)];
}

/** Of what no manifest names. Only the cleanup of a backup that is known to have ended takes anything away. */
function decideUnnamed(facts: BasepathFacts, backupId: string): Found[] {
  const { basepathId, stored, buried, journal, unusable } = facts;
  if (buried.has(backupId) || facts.openRuns.has(backupId) || facts.sweeping.has(backupId) || unusable.some((each) => each.backupId === backupId)) return [];
  const own = (stored ?? []).filter((each) => each.backupId === backupId);
  const manifest = facts.manifests.find((each) => each.backupId === backupId);
  const subject = `backup ${backupId} of ${basepathId}`;
  if (manifest === undefined && !journal.removed.has(backupId) && own.some(({ objects }) => objects.has(manifestOf(basepathId, backupId)))) {
    return [{ kind: 'seal-unfinished', subject, detail: 'its manifest is in long-term storage only', act: { act: 'finish-seal', backupId } }];
  }
  const isOwn = manifest === undefined ? () => false : ownObjects(manifest, `${basepathId}/${backupId}`);
  const unnamed = own.flatMap(({ objects }) => [...objects].filter(([object]) => !isOwn(object)));
  if (unnamed.length === 0) return [];
  const found = { subject, detail: `${unnamed.length}, the first ${unnamed[0]?.[0] ?? ''}`, bytes: sum(unnamed.map(([, bytes]) => bytes)) };
  const isKnown = manifest !== undefined || journal.started.has(backupId) || journal.ended.has(backupId);
  // What describes it may lie in a bundle: then no manifest beside these objects tells that they are needed.
  const isLost = manifest === undefined && journal.sealed.has(backupId);
  if (isKnown && !isLost && !journal.removed.has(backupId)) return [{ kind: 'objects-left', ...found, act: { act: 'sweep', backupId } }];
  return !isLost && isYoung(backupId, facts.nowMs) ? [] : [{ kind: 'objects-unexplained', ...found, act: null }];
}

/** One that began while this looked is not explained yet. */
function isYoung(backupId: string, nowMs: number): boolean {
  return isBackupId(backupId) && nowMs - decodeTime(backupId) < YOUNG_MS;
}

/** Objects that a manifest names in an LTS, each as long as its last part reaches: small files may be bundled in one. */
function namedIn(manifest: Manifest, lts: string): { object: string; bytes: number }[] {
  const named = new Map<string, number>();
  for (const { locations } of [...manifest.archives.flatMap(({ slices }) => slices), ...storedFiles(manifest)]) {
    const location = locations[lts];
    if (location !== undefined) named.set(location.object, Math.max(named.get(location.object) ?? 0, location.offset + location.length));
  }
  return [...named].map(([object, bytes]) => ({ object, bytes }));
}

function manifestOf(basepathId: string, backupId: string): string {
  return `${basepathId}/${backupId}/manifest.json`;
}

function sum(sizes: readonly number[]): bigint {
  return sizes.reduce((total, bytes) => total + BigInt(bytes), 0n);
}
