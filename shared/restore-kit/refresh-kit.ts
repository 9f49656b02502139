import { REPLACEABLE_PREFIX, type TransferBackend } from '../transfer/backend.js';
import { kitFiles } from './kit-files.js';
import { renderBackupsTsv, renderBundlesTsv, type BackupRow } from './render-backups.js';

/**
 * Writes the restore kit of one LTS anew: README.txt, bw-restore.sh, backups.tsv, bundles.tsv, each replaced in one step. Costs four small
 * writes and one line per row, so call it after a round of seals, not per seal. Throws what backend.replace throws, RESTORE_KIT_MISSING.
 */
export async function refreshKit(backend: Pick<TransferBackend, 'replace'>, rows: readonly BackupRow[]): Promise<void> {
  const files = [...(await kitFiles()), { name: 'backups.tsv', bytes: Buffer.from(renderBackupsTsv(rows)) }, { name: 'bundles.tsv', bytes: Buffer.from(renderBundlesTsv(rows)) }];
  for (const { name, bytes } of files) await backend.replace(REPLACEABLE_PREFIX + name, bytes);
}
