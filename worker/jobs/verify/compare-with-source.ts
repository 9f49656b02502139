import { examinePaths } from '../../../shared/index/examine-paths.js';
import { recordPath } from '../../../shared/index/record.js';
import { findInState, readStateRecords, type StateRecord } from '../../../shared/index/state.js';
import { bytePath, showPath, type BytePath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { toBwError } from '../../../shared/errors/bw-error.js';
import { inDirectory, run } from '../../../shared/process/index.js';
import { configuredTopdir, type WorkerContext } from '../../context.js';
import type { Manifest } from '../../../shared/catalog/manifest.js';
import type { Verification } from './verification.js';

/** Paths on one command line: far below what the system allows, whatever their length. */
const BATCH_PATHS = 100;
/** A filesystem that gives less than this is as good as hung. */
const LEAST_BYTES_PER_MS = 1_000;
const HASH_GRACE_MS = 600_000;

/**
 * Restored files whose source still is what the index says (type, size, mtime, ctime) must have its content. A source that is gone, moved or does not answer
 * says nothing about the backup.
 */
export async function compareWithSource({ context, chain, layers, findings, signal }: Verification, paths: readonly BytePath[], target: string): Promise<void> {
  const root = sourceOf(context, chain.at(-1) as Manifest);
  if (root === null) return;
  for await (const records of paths.length === 0 ? readStateRecords(layers) : findInState(layers, paths)) {
    const files = records.filter((record) => record.type === 'f' && record.flags === '' && record.archive !== '' && record.size !== '0');
    for (let at = 0; at < files.length; at += BATCH_PATHS) {
      const batch = files.slice(at, at + BATCH_PATHS);
      try {
        const { different, compared } = await compareBatch(batch, root, bytePath.fromText(target), signal);
        findings.filesLikeSource += compared - different.length;
        for (const path of different) findings.add(showPath(path), 'its content is not that of the source, which has not changed since');
      } catch (thrown) {
        signal.throwIfAborted();
        context.logger.warn({ err: toBwError(thrown) }, 'source not compared');
        return;
      }
    }
  }
}

/** Only below a configured topdir, whatever the manifest says (invariant 11). */
function sourceOf(context: WorkerContext, { source }: Manifest): BytePath | null {
  const topdir = configuredTopdir(context.config, source.topdir);
  const root = fromPathJson(source.readFrom);
  const allowed = [topdir.path, topdir.readFrom].filter((path) => path !== null).map((path) => bytePath.fromText(path));
  return allowed.some((path) => root.startsWith(`${path}/`)) && !root.split('/').includes('..') ? root : null;
}

async function compareBatch(files: readonly StateRecord[], root: BytePath, target: BytePath, signal: AbortSignal): Promise<{ compared: number; different: BytePath[] }> {
  const unchanged = await unchangedOf(files, root, signal);
  if (unchanged.length === 0) return { compared: 0, different: [] };
  const bytes = unchanged.reduce((sum, record) => sum + Number(record.size), 0);
  const paths = unchanged.map(recordPath);
  const timeoutMs = Math.min(2 ** 31 - 1, HASH_GRACE_MS + bytes / LEAST_BYTES_PER_MS);
  const [source, restored] = [await hashes(root, paths, timeoutMs, signal), await hashes(target, paths, timeoutMs, signal)];
  const suspects = unchanged.filter((record) => {
    const hash = source.get(recordPath(record));
    return hash !== undefined && hash !== restored.get(recordPath(record));
  });
  // One that changed while it was read is no damage.
  const different = suspects.length === 0 ? [] : (await unchangedOf(suspects, root, signal)).map(recordPath);
  return { compared: source.size - (suspects.length - different.length), different };
}

async function unchangedOf(files: readonly StateRecord[], root: BytePath, signal: AbortSignal): Promise<StateRecord[]> {
  const states = await examinePaths({ root, signal }, files.map(recordPath));
  return files.filter((record, i) => {
    const state = states[i];
    if (state?.kind !== 'there') return false;
    const { type, size, mtime, ctime } = state.record;
    return type === record.type && size === record.size && mtime === record.mtime && ctime === record.ctime;
  });
}

/** SHA-256 by path; what cannot be read has none. */
async function hashes(root: BytePath, paths: readonly BytePath[], timeoutMs: number, signal: AbortSignal): Promise<Map<BytePath, string>> {
  const args = ['-b', '-z', '--', ...paths.map((path) => bytePath.toBuffer(bytePath.of(`./${path}`)))];
  const { stdout } = await run(inDirectory(bytePath.toBuffer(root), { program: 'sha256sum', args }), { okCodes: [0, 1], timeoutMs, signal });
  const lines = stdout.toString('latin1').split('\0').filter((line) => line !== '');
  return new Map(lines.map((line) => [bytePath.of(line.slice(line.indexOf('*') + 3)), line.slice(0, line.indexOf(' '))]));
}
