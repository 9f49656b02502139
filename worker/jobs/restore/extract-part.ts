import { join } from 'node:path';
import { archiveKey, extract, type ExtractOutcome, type ExtractPass } from '../../../shared/dar/index.js';
import { writeDarList } from '../../../shared/index/dar-list.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import { archiveOf, openArchive } from './open-archive.js';
import { manifestOf, type OpenRestore } from './open-restore.js';
import type { RestorePart } from './restore-plan.js';

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
}

/** Fetches an archive and extracts what is wanted of it. Throws what openArchive and extract throw. */
export async function extractPart(request: ExtractRequest): Promise<ExtractOutcome> {
  const { context, restore, part, to, pass, only, signal } = request;
  const { restoreId } = restore.request;
  const manifest = manifestOf(restore, part.backupId);
  const archive = archiveOf(manifest, part.archive);
  const base = await openArchive(context, archive, join(restoreId, `${pass}-${part.backupId}`), signal);
  const secretsDir = await context.staging.createStart(restoreId, `${pass}-${part.backupId}-${part.archive}-work`);
  const listFile = join(secretsDir, 'wanted.list');
  const list = only === null ? null : await writeDarList({ recordsFile: join(restore.workDir, only), listFile });
  return extract({
    base,
    root: bytePath.fromText(to),
    dar: archiveKey(configuredTopdir(context.config, manifest.source.topdir).dar, archive),
    ...(list === null ? {} : { includePaths: list.includePaths, listFile }),
    pass,
    logFile: join(secretsDir, 'extract.log'),
    secretsDir,
    signal,
  });
}
