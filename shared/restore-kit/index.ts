/** What lets people restore from an LTS with dar and a shell alone. */
export { kitFiles, type KitFile } from './kit-files.js';
export { refreshKit } from './refresh-kit.js';
export { ARCHIVES_TSV, renderArchivesTsv, renderSha512Sums, SHA512SUMS } from './render-archives.js';
export { renderBackupsTsv, renderBundlesTsv, type BackupRow, type BundleUse } from './render-backups.js';
