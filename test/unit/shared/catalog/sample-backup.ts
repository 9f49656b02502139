import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import type { Manifest, SealRequest, StoredFile } from '../../../../shared/catalog/index.js';

export const BASEPATH = 'alice-3f9a2c';
export const T0 = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

export interface SampleOptions {
  readonly backupId?: string;
  readonly basepathId?: string;
  readonly level?: Manifest['level'];
  readonly parent?: string | null;
  /** Days after T0. */
  readonly capturedDay?: number;
  readonly sealedDay?: number;
  readonly exceptions?: number;
  /** Part of the file names, as start number and nonce are. */
  readonly start?: string;
}

/** The backup id of that day, always the same. */
export function backupIdOf(day: number): string {
  return ulid(T0 + day * DAY, () => 0.5);
}

/** A manifest with an index, a log and a catalogue of the given contents. */
export function sampleManifest(options: SampleOptions = {}): Manifest {
  const { capturedDay = 0, start = '1abcdef', basepathId = BASEPATH, level = 'full', exceptions = 0 } = options;
  const backupId = options.backupId ?? backupIdOf(capturedDay);
  const location = (name: string): StoredFile['locations'] => ({ tape: { object: `${basepathId}/${backupId}/${name}`, offset: 0, length: 10 } });
  const stored = (name: string): StoredFile => ({ name, bytes: contentOf(name).length, sha512: sha512(contentOf(name)), locations: location(name) });
  const at = (day: number): string => new Date(T0 + day * DAY).toISOString();
  const slice = `${basepathId}.${backupId}.s0001-1-${start}.1.dar`;
  return {
    format: 'bw-bkup-manifest', version: 2, backupId, basepathId, level,
    parent: options.parent ?? (level === 'full' ? null : backupIdOf(0)), depth: level === 'full' ? 0 : 1, reason: 'a test', shrunk: false,
    source: { topdir: '/u/staff', path: '/u/staff/alice', readFrom: '/u/staff/alice', fsType: 'lustre', fsId: '77', rootInode: '144115188075855873', owner: '1000' },
    policyHash: 'p1', startedAt: at(capturedDay), capturedAt: at(capturedDay), sealedAt: at(options.sealedDay ?? capturedDay + 0.1),
    outcome: exceptions > 0 ? 'with-exceptions' : 'clean',
    counts: { records: 12, directories: 3, sourceBytes: '9007199254740993', archiveBytes: '10', exceptions, vanished: 0, changedThenSaved: 0, changed: 0, removed: 0 },
    index: stored(`index.${start}.zst`),
    exceptions: null,
    logs: [stored(`dar.${start}.log`)],
    archives: [{
      key: '1.1', name: `${basepathId}.${backupId}.s0001-1-${start}`, kind: 'data', restoreOrder: 1, entries: 12, directoriesWithEa: 0, withEa: 0, keyId: null,
      slices: [{ number: 1, name: slice, bytes: 10, sha512: sha512('slice'), locations: location(slice) }],
      catalogue: stored(`catalogue-1.1.${start}.dar`),
      dar: { version: '2.7.8', exitCode: 0, host: 'ie01', wallMs: 5, peakRssBytes: null, bytesPerSecond: 1, filesPerSecond: 1, lastError: null },
    }],
    software: { bwBkup: '1.0.0', node: '20.20.2' },
  };
}

/** sampleManifest and its files, written to `dir`. */
export async function sampleRequest(dir: string, options: SampleOptions = {}): Promise<SealRequest> {
  const manifest = sampleManifest(options);
  const names = [manifest.index.name, ...manifest.logs.map((log) => log.name), ...manifest.archives.flatMap((archive) => archive.catalogue?.name ?? [])];
  await mkdir(dir, { recursive: true });
  for (const name of names) await writeFile(join(dir, name), contentOf(name));
  return { manifest, files: names.map((name) => ({ from: join(dir, name), name })) };
}

/** Every path below `dir`, relative, sorted; directories end in `/`. */
export async function treeOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1) + (entry.isDirectory() ? '/' : '')).sort();
}

export function sha512(content: string | Uint8Array): string {
  return createHash('sha512').update(content).digest('hex');
}

function contentOf(name: string): string {
  return `content of ${name}\n`;
}
