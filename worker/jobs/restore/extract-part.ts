import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ManifestArchive } from '../../../shared/catalog/manifest.js';
import { archiveKey, extract, type ExtractOutcome, type ExtractPass, type ExtractSpec, type SliceSource } from '../../../shared/dar/index.js';
import { writeDarList } from '../../../shared/index/dar-list.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import { archiveOf } from './open-archive.js';
import { manifestOf, type OpenRestore } from './open-restore.js';
import { reserveWindow } from './reserve-window.js';
import type { RestorePart } from './restore-plan.js';
import { SliceWindow } from './slice-window.js';

export interface ExtractRequest {
  readonly context: WorkerContext;
  readonly restore: OpenRestore;
  readonly part: RestorePart;
  /** Absolute. */
  readonly to: string;
  readonly pass: ExtractPass;
  /** Complete records file in the work directory; null: everything. */
  readonly only: string | null;
  readonly signal: AbortSignal;
  readonly onStart?: ExtractSpec['onStart'];
  /** See SliceWindow. */
  readonly needed?: ReadonlySet<number> | null;
  readonly impatient?: boolean;
}

/** An extraction, and how many slices it took. */
export interface PartOutcome extends ExtractOutcome {
  readonly slicesOpened: number;
}

/** Extracts what is wanted of an archive, whose slices are fetched as dar asks for them. Throws what openSlice and extract throw. */
export async function extractPart(request: ExtractRequest): Promise<PartOutcome> {
  const { context, restore, part, pass, signal } = request;
  const { restoreId } = restore.request;
  const archive = archiveOf(manifestOf(restore, part.backupId), part.archive);
  const name = `${pass}-${part.backupId}-${part.archive}`;
  const start = `${name}-${randomBytes(4).toString('hex')}`;
  const dir = await context.staging.createStart(restoreId, start, 'putting');
  await context.staging.removeStarts(restoreId, (other) => other.startsWith(`${name}-`) && other !== start);
  const release = restore.roomIsReserved === true ? () => undefined : await reserveWindow(context, archive, { owner: restoreId, signal });
  try {
    const window = new SliceWindow({ context, archive, dir, ahead: part.records === null && request.only === null, signal, ...(request.needed === undefined ? {} : { needed: request.needed }), ...(request.impatient === undefined ? {} : { impatient: request.impatient }) });
    const done = await extractFrom(window, archive, dir, request).finally(() => window.close());
    return { ...done, slicesOpened: window.opened };
  } finally {
    await context.staging.removeStart(restoreId, start);
    release();
  }
}

async function extractFrom(slices: SliceSource, archive: ManifestArchive, dir: string, request: ExtractRequest): Promise<ExtractOutcome> {
  const { context, restore, part, to, pass, only, signal, onStart } = request;
  const listFile = join(dir, 'wanted.list');
  const list = only === null ? null : await writeDarList({ recordsFile: join(restore.workDir, only), listFile });
  return extract({
    base: join(dir, archive.name),
    root: bytePath.fromText(to),
    dar: archiveKey(configuredTopdir(context.config, manifestOf(restore, part.backupId).source.topdir).dar, archive),
    ...(list === null ? {} : { includePaths: list.includePaths, listFile }),
    slices,
    pass,
    logFile: join(dir, 'extract.log'),
    secretsDir: dir,
    signal,
    ...(onStart === undefined ? {} : { onStart }),
  });
}
