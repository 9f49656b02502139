import type { JournalRecord, RecordOf } from '../journal/record.js';
import { isCancelled } from '../errors/is-cancelled.js';
import type { PathJson } from '../paths/path-json.js';
import type { AttemptSummary, BasepathCondition, BasepathStatus, SealedSummary } from './basepath-status.js';
import type { Manifest } from './manifest.js';

/** The few fields of a manifest that are kept: whole ones of 5,000 basepaths would fill gigabytes. */
type Newest = SealedSummary & Pick<Manifest, 'counts'> & { readonly source: Pick<Manifest['source'], 'path' | 'topdir'> };

type Failure = Omit<NonNullable<BasepathStatus['lastError']>, 'dismissed'> & { readonly atMs: number };

/** Those that say how a basepath is; what operators decided is not tallied. */
export type TalliedRecord = RecordOf<'basepath-assigned' | 'basepath-seen-deleted' | 'basepath-renamed' | 'attempt-started' | 'attempt-ended' | 'sealed' | 'verified' | 'removed' | 'dismissed'>;

const TALLIED: ReadonlySet<JournalRecord['kind']> = new Set<TalliedRecord['kind']>(['basepath-assigned', 'basepath-seen-deleted', 'basepath-renamed', 'attempt-started', 'attempt-ended', 'sealed', 'verified', 'removed', 'dismissed']);

export function isTallied(record: JournalRecord): record is TalliedRecord {
  return TALLIED.has(record.kind);
}

/** What is remembered of one basepath while its records and manifests go by: a few fields, however many there are. */
export class BasepathTally {
  private path: PathJson | null = null;
  private topdir: string | null = null;
  private deleted = false;
  private foundMs: number | null = null;
  private newest: Newest | null = null;
  private newestFull: SealedSummary | null = null;
  private attempt: AttemptSummary | null = null;
  private failedFull: Failure | null = null;
  private failedOther: Failure | null = null;
  private verified: BasepathStatus['lastVerified'] = null;
  private proven: BasepathStatus['lastProven'] = null;
  private sealedOnRecord: string | null = null;
  private sealedIsThere = false;
  private readonly dismissed = new Set<string>();
  private damaged = 0;
  private readonly shrunk: string[] = [];

  constructor(private readonly id: string) {}

  /** Records come oldest first, and before manifests. */
  addRecord(record: TalliedRecord): void {
    switch (record.kind) {
      case 'basepath-assigned':
      case 'basepath-renamed':
        this.path = record.path;
        this.topdir = record.topdir;
        if (this.foundMs === null || this.deleted) this.foundMs = Date.parse(record.at);
        this.deleted = false;
        break;
      case 'basepath-seen-deleted':
        this.deleted = true;
        break;
      case 'attempt-started':
        this.attempt = { backupId: record.backupId, level: record.level, outcome: 'running', startedAt: record.at, endedAt: null };
        break;
      case 'attempt-ended':
        this.addEnd(record);
        break;
      case 'sealed':
        this.sealedOnRecord = record.backupId;
        break;
      case 'removed':
        if (this.sealedOnRecord === record.backupId) this.sealedOnRecord = null;
        break;
      case 'dismissed':
        this.dismissed.add(record.backupId);
        break;
      case 'verified':
        if (record.method === 'restore-drill' && record.outcome === 'sound') this.proven = { backupId: record.backupId, at: record.at, samplePercent: record.samplePercent };
        this.verified = { backupId: record.backupId, at: record.at, method: record.method, outcome: record.outcome };
        break;
    }
  }

  addManifest(manifest: Manifest): void {
    this.noteBackup(manifest.backupId);
    if (manifest.imported !== undefined) return; // it covers nothing: nobody knows how it was made
    if (manifest.shrunk) this.shrunk.push(manifest.backupId);
    if (this.newest === null || !isLater(this.newest, manifest)) this.newest = newestOf(manifest);
    if (manifest.level === 'full' && (this.newestFull === null || !isLater(this.newestFull, manifest))) this.newestFull = summaryOf(manifest);
  }

  addDamaged(backupId: string): void {
    this.noteBackup(backupId);
    this.damaged += 1;
  }

  status(nowMs: number): BasepathStatus {
    const { newest, newestFull } = this;
    const failure = this.unsettledFailure();
    return {
      id: this.id,
      path: this.path ?? newest?.source.path ?? null,
      topdir: this.topdir ?? newest?.source.topdir ?? null,
      state: this.condition(failure),
      foundMs: this.foundMs,
      lastSealed: newest === null ? null : summaryOf(newest),
      lastFull: newestFull,
      outcome: newest?.outcome ?? null,
      exceptions: newest?.counts.exceptions ?? 0,
      files: newest?.counts.records ?? 0,
      bytes: newest?.counts.sourceBytes ?? '0',
      lastAttempt: this.attempt,
      lastError: failure === null ? null : this.told(failure),
      ageMs: newest === null ? null : nowMs - Date.parse(newest.capturedAt),
      fullAgeMs: newestFull === null ? null : nowMs - Date.parse(newestFull.capturedAt),
      lastVerified: this.verified,
      lastProven: this.proven,
      damagedManifests: this.damaged,
      shrunk: this.shrunk,
      lostBackup: this.sealedIsThere ? null : this.sealedOnRecord,
    };
  }

  private told({ backupId, code, message, at, level }: Failure): BasepathStatus['lastError'] {
    return { backupId, code, message, at, level, dismissed: this.dismissed.has(backupId) || isCancelled(code) };
  }

  private noteBackup(backupId: string): void {
    if (backupId === this.sealedOnRecord) this.sealedIsThere = true;
  }

  private addEnd(record: RecordOf<'attempt-ended'>): void {
    const { backupId, level, outcome, startedAt, endedAt } = record;
    // The end of a backup that Redis lost goes on record late, perhaps after those of newer ones.
    if (this.attempt === null || this.attempt.startedAt <= startedAt || this.attempt.backupId === backupId) this.attempt = { backupId, level, outcome, startedAt, endedAt };
    if (outcome !== 'failed') return;
    const { code, message } = record.error ?? { code: 'UNKNOWN', message: 'no reason on record' };
    const failure = { backupId, code, message, at: endedAt, atMs: Date.parse(endedAt), level };
    if (level === 'full') this.failedFull = newer(failure, this.failedFull);
    else this.failedOther = newer(failure, this.failedOther);
  }

  /** The newest failure that nothing sealed later makes good. */
  private unsettledFailure(): Failure | null {
    const open = [openFailure(this.failedFull, this.newestFull), openFailure(this.failedOther, this.newest)].filter((failure) => failure !== null);
    return open.sort((a, b) => b.atMs - a.atMs)[0] ?? null;
  }

  private condition(failure: Failure | null): BasepathCondition {
    if (this.deleted) return 'deleted';
    if (this.newest === null) return 'never';
    if (failure !== null) return 'failed-since';
    return this.newest.outcome === 'clean' ? 'ok' : 'exceptions';
  }
}

function newer(a: Failure, b: Failure | null): Failure {
  return b === null || a.atMs >= b.atMs ? a : b;
}

/** The failure, unless a backup sealed later settles it. */
function openFailure(failure: Failure | null, sealed: Pick<Manifest, 'sealedAt'> | null): Failure | null {
  if (failure === null || (sealed !== null && Date.parse(sealed.sealedAt) >= failure.atMs)) return null;
  return failure;
}

function isLater(a: Pick<Manifest, 'capturedAt'>, b: Pick<Manifest, 'capturedAt'>): boolean {
  return Date.parse(a.capturedAt) > Date.parse(b.capturedAt);
}

function summaryOf({ backupId, level, outcome, capturedAt, sealedAt }: SealedSummary): SealedSummary {
  return { backupId, level, outcome, capturedAt, sealedAt };
}

function newestOf(manifest: Manifest): Newest {
  const { path, topdir } = manifest.source;
  return { ...summaryOf(manifest), counts: manifest.counts, source: { path, topdir } };
}
