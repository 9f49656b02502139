import { expect, test } from 'vitest';
import { createMetrics } from '../../../../shared/metrics/index.js';
import { sampleOf } from './samples.js';

function metricsOf(host = 'ie1') {
  return createMetrics({ host, component: 'worker', version: '1.2.3' });
}

test('every sample carries host and component; the build is named', async () => {
  const text = await metricsOf().render();
  const samples = text.split('\n').filter((line) => line.startsWith('bw_'));
  expect(samples.filter((line) => !line.includes('host="ie1"') || !line.includes('component="worker"'))).toEqual([]);
  expect(sampleOf(text, 'bw_build_info', { version: '1.2.3' })).toBe(1);
});

test('two processes in one test do not share values', async () => {
  const [one, other] = [metricsOf('a'), metricsOf('b')];
  one.transferFailed({ lts: 'tape', code: 'TRANSFER_TIMEOUT' });
  expect(sampleOf(await one.render(), 'bw_transfer_errors_total', { code: 'TRANSFER_TIMEOUT' })).toBe(1);
  expect(sampleOf(await other.render(), 'bw_transfer_errors_total', { code: 'TRANSFER_TIMEOUT' })).toBeNull();
});

test('a finished archive counts bytes, files and seconds by level', async () => {
  const metrics = metricsOf();
  metrics.archiveFinished({ level: 'full', bytes: 5_000, files: 7, wallMs: 90_000 });
  metrics.archiveFinished({ level: 'full', bytes: 1_000, files: 1, wallMs: 500 });
  const text = await metrics.render();
  expect(sampleOf(text, 'bw_archive_bytes_total', { level: 'full' })).toBe(6_000);
  expect(sampleOf(text, 'bw_archive_files_total', { level: 'full' })).toBe(8);
  expect(sampleOf(text, 'bw_archive_duration_seconds_sum', { level: 'full' })).toBe(90.5);
  expect(sampleOf(text, 'bw_archive_duration_seconds_bucket', { level: 'full', le: '60' })).toBe(1);
  expect(sampleOf(text, 'bw_archive_bytes_total', { level: 'incremental' })).toBe(0);
});

test('dar exits are counted by code or signal, memory only where it is known', async () => {
  const metrics = metricsOf();
  metrics.darExited({ operation: 'create', status: { code: 11, signal: null }, peakRssBytes: 100 * 1024 ** 2 });
  metrics.darExited({ operation: 'create', status: { code: null, signal: 'SIGKILL' }, peakRssBytes: null });
  const text = await metrics.render();
  expect(sampleOf(text, 'bw_dar_exits_total', { operation: 'create', code: '11' })).toBe(1);
  expect(sampleOf(text, 'bw_dar_exits_total', { operation: 'create', code: 'SIGKILL' })).toBe(1);
  expect(sampleOf(text, 'bw_dar_peak_rss_bytes_count', { operation: 'create' })).toBe(1);
  expect(sampleOf(text, 'bw_dar_peak_rss_bytes_bucket', { le: String(128 * 1024 ** 2) })).toBe(1);
});

test('committed slices and failed transfers count by LTS', async () => {
  const metrics = metricsOf();
  metrics.sliceCommitted({ lts: 'tape', bytes: 1024, wallMs: 250 });
  metrics.transferFailed({ lts: 'tape', code: 'TRANSFER_MISMATCH' });
  const text = await metrics.render();
  expect(sampleOf(text, 'bw_slices_transferred_total', { lts: 'tape' })).toBe(1);
  expect(sampleOf(text, 'bw_transfer_bytes_total', { lts: 'tape' })).toBe(1024);
  expect(sampleOf(text, 'bw_transfer_duration_seconds_sum', { lts: 'tape' })).toBe(0.25);
  expect(sampleOf(text, 'bw_transfer_errors_total', { lts: 'tape', code: 'TRANSFER_MISMATCH' })).toBe(1);
});

test('sealed, failed and restored backups are kept apart', async () => {
  const metrics = metricsOf();
  metrics.backupSealed({ level: 'incremental', outcome: 'with-exceptions', exceptions: 3, vanished: 2 });
  metrics.backupFailed({ level: 'full', code: 'SOURCE_EMPTY' });
  metrics.restoreFinished({ outcome: 'clean', bytes: 9, wallMs: 2_000 });
  metrics.jobFinished({ queue: 'backup', name: 'shard', outcome: 'preempted', wallMs: 1_500 });
  const text = await metrics.render();
  expect(sampleOf(text, 'bw_backups_sealed_total', { level: 'incremental', outcome: 'with-exceptions' })).toBe(1);
  expect(sampleOf(text, 'bw_backups_sealed_total', { level: 'full', outcome: 'clean' })).toBe(0);
  expect(sampleOf(text, 'bw_exceptions_total', { level: 'incremental' })).toBe(3);
  expect(sampleOf(text, 'bw_vanished_total', { level: 'incremental' })).toBe(2);
  expect(sampleOf(text, 'bw_backups_failed_total', { level: 'full', code: 'SOURCE_EMPTY' })).toBe(1);
  expect(sampleOf(text, 'bw_restores_total', { outcome: 'clean' })).toBe(1);
  expect(sampleOf(text, 'bw_restored_bytes_total', {})).toBe(9);
  expect(sampleOf(text, 'bw_job_duration_seconds_sum', { queue: 'backup', name: 'shard', outcome: 'preempted' })).toBe(1.5);
});
