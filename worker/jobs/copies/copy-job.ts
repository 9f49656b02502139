import { ulid } from 'ulid';
import { copyRecord, type CopyRecord, type Manifest, type ObjectLocation } from '../../../shared/catalog/index.js';
import { partsOf, type Part } from '../../../shared/copies/copy-state.js';
import { copyJobSchema, parseJob, type CopyJob } from '../../../shared/queues/job-data.js';
import { orderKitRefresh } from '../../../shared/runs/order-kit.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import type { WorkerContext } from '../../context.js';
import type { JobRun } from '../../processor/run-job.js';
import { chooseNames } from './choose-names.js';
import { damagedOf } from './find-damaged.js';
import { finishCopy } from './finish-copy.js';
import { makeParts } from './make-parts.js';

export interface CopyResult {
  /** made: nothing was missing, or is now · gone: the backup was removed · unknown-lts: it is not configured any more. */
  readonly state: 'made' | 'gone' | 'unknown-lts';
  readonly objects: number;
  readonly bytes: number;
}

/** What is done of a copy so far, and what is on record of that. */
export interface Copying {
  readonly context: WorkerContext;
  readonly manifest: Manifest;
  readonly target: TransferBackend;
  /** Of this start: its staging. */
  readonly copyId: string;
  readonly run: JobRun;
}

/** What is done is put on record so often, ms: a worker that dies costs no more. */
const RECORD_MS = 300_000;

/**
 * Makes what one LTS lacks of a sealed backup, from staging where it still lies there, from the catalog, else from another LTS, each part proven on its way. What
 * is done is put on record by and by: a start that was stopped, or died, is gone on with. Nothing that is there is replaced. While it runs the backup is not removed.
 */
export async function copyJob(context: WorkerContext, run: JobRun): Promise<CopyResult> {
  const data = parseJob(copyJobSchema, run.job.data, run.job.id);
  const target = context.backends.find(({ name }) => name === data.lts);
  if (target === undefined) return { state: 'unknown-lts', objects: 0, bytes: 0 };
  const copyId = ulid();
  await begin(context, data, copyId, String(run.job.id));
  try {
    // After it is on record that the backup is needed: whoever removes one looks at that behind its tombstone.
    if (await context.catalog.isRemoved(data.basepathId, data.backupId)) return { state: 'gone', objects: 0, bytes: 0 };
    const manifest = await context.catalog.readManifest(data.basepathId, data.backupId);
    const made = await makeCopy({ context, manifest, target, copyId, run }, data.repair);
    // What an earlier start had made when it died is not seen as made here.
    if (made.objects > 0 || run.job.attemptsStarted > 1) await orderKitRefresh(context.queues);
    return made;
  } finally {
    await context.staging.removeBackup(copyId);
    await context.runs.end(copyId, { phase: 'done', endedAt: context.now().toISOString() });
  }
}

async function begin({ runs, config, now }: WorkerContext, { basepathId, backupId }: CopyJob, copyId: string, jobId: string): Promise<void> {
  const nothing = { shards: 0, step: 0, records: 0, bytes: '0', error: null, outcome: null, endedAt: null, work: null };
  await runs.create({ ...nothing, id: copyId, kind: 'copy', basepathId, path: basepathId, level: 'copy', jobId, phase: 'saving', startedAt: now().toISOString(), needs: backupId });
  await runs.addHost(copyId, config.host);
}

async function makeCopy(copying: Copying, repair: boolean): Promise<CopyResult> {
  const { context, manifest, target, run } = copying;
  const noted = new Noted(copying);
  const parts = partsOf(manifest);
  const damaged = repair ? await damagedOf(copying, parts) : new Set<string>();
  const isMissing = ({ name, locations }: Part): boolean => locations[target.name] === undefined || damaged.has(name);
  const missing = parts.filter(isMissing);
  // Of one that is looked at because it may be damaged, what no manifest names may be gone too.
  const isWhole = missing.length === 0 && !(repair && manifest.index.locations[target.name] !== undefined);
  if (isWhole) return { state: 'made', objects: 0, bytes: 0 };
  try {
    const named = await chooseNames(copying, missing);
    await makeParts(copying, named, (part, location) => noted.add(part.name, location));
  } finally {
    await noted.flush(manifest.index.name); // of what is done, though not all is
  }
  const last = noted.record(null);
  await finishCopy(copying, last);
  await noted.put(last);
  const bytes = missing.reduce((sum, part) => sum + part.bytes, 0);
  run.logger.info({ backupId: manifest.backupId, basepathId: manifest.basepathId, lts: target.name, objects: missing.length, bytes }, 'copy made');
  if (missing.length > 0) context.metrics.copyMade({ lts: target.name, bytes });
  return { state: 'made', objects: missing.length, bytes };
}

/** Where parts lie since this start, put on record now and then. The index comes last: it says that all is there. */
class Noted {
  #locations = new Map<string, ObjectLocation>();
  #sinceMs: number;

  constructor(private readonly copying: Copying) {
    this.#sinceMs = copying.context.now().getTime();
  }

  async add(name: string, location: ObjectLocation): Promise<void> {
    const { context, manifest } = this.copying;
    this.#locations.set(name, location);
    if (context.now().getTime() - this.#sinceMs >= RECORD_MS) await this.flush(manifest.index.name);
  }

  async flush(but: string | null): Promise<void> {
    await this.put(this.record(but));
  }

  /** Of what is not on record yet, without one of them; null: nothing. */
  record(but: string | null): CopyRecord | null {
    const { context, manifest: { backupId }, target } = this.copying;
    const done = [...this.#locations].filter(([name]) => name !== but);
    return done.length === 0 ? null : copyRecord({ backupId, lts: target.name, at: context.now().toISOString(), locations: Object.fromEntries(done) });
  }

  async put(record: CopyRecord | null): Promise<void> {
    const { context, manifest } = this.copying;
    this.#sinceMs = context.now().getTime();
    if (record === null) return;
    await context.catalog.addCopyRecord(manifest.basepathId, record);
    for (const name of Object.keys(record.locations)) this.#locations.delete(name);
  }
}
