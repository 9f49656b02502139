import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DarConfig } from '../../../shared/config/config.js';
import { listCatalogue, type CatalogueEntry } from '../../../shared/dar/index.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { copyDirectoryMetadata, metadataCopyScript, METADATA_DIFFERS, METADATA_TIMEOUT_MS, type MetadataCopy } from '../../directory-metadata/directory-metadata.js';
import { inRoom } from './in-room.js';
import { makeArchive, type ArchiveRun, type ArchiveSpec, type RawArchive } from './make-archive.js';
import { makeSmall } from './make-small.js';

/** Key of the archive of the basepath directory's own metadata. */
export const METADATA_KEY = '0.1';
/** The one entry of that archive. */
export const METADATA_DIRECTORY = 'root';

export interface MetadataSpec {
  /** Absolute root of the basepath. */
  readonly root: BytePath;
  /** Empty directory of ours. */
  readonly dir: string;
  /** Base name of the archive. */
  readonly name: string;
  readonly dar: DarConfig;
}

/**
 * Archives owner, mode, ACLs, xattrs and times of the basepath directory itself. dar does not save the metadata of its
 * root, and taking the parent as root would examine every sibling; so a directory of ours takes them over.
 */
export async function makeMetadataArchive(spec: MetadataSpec, run: ArchiveRun): Promise<{ raw: RawArchive; complete: boolean }> {
  const skeleton = join(spec.dir, 'skeleton');
  const copy = join(skeleton, METADATA_DIRECTORY);
  await mkdir(copy, { recursive: true, mode: 0o700 });
  const from = { from: spec.root, to: bytePath.fromText(copy), stream: join(spec.dir, 'skeleton.tar'), excludeXattrs: spec.dar.excludeXattrs };
  const listFile = join(spec.dir, 'skeleton.list');
  await writeFile(listFile, `${METADATA_DIRECTORY}\n`, { mode: 0o600 });
  const archive = { base: join(spec.dir, spec.name), root: bytePath.fromText(skeleton), listFile, dar: spec.dar, logFile: join(spec.dir, 'skeleton.log') };
  if (spec.dar.encryption !== null) return makeEncrypted(spec, run, from, archive);
  const before = { ...metadataCopyScript(from), okCodes: [0, METADATA_DIFFERS] };
  const make = () => makeSmall({ ...archive, before, isolate: false, signal: run.signal, onHung: run.onHung, timeoutMs: METADATA_TIMEOUT_MS });
  const raw = await inRoom({ ...archive, bytes: 0n, entries: 1 }, run, make);
  assertHoldsMetadata(raw, raw.entries);
  run.sender.hold(raw.unsent);
  return { raw, complete: raw.beforeCode !== METADATA_DIFFERS };
}

/** With a passphrase, which no argv may show. */
async function makeEncrypted(
  spec: MetadataSpec,
  run: ArchiveRun,
  from: Omit<MetadataCopy, 'signal'>,
  archive: Pick<ArchiveSpec, 'base' | 'root' | 'listFile' | 'dar' | 'logFile'>,
): Promise<{ raw: RawArchive; complete: boolean }> {
  const complete = await copyDirectoryMetadata({ ...from, signal: run.signal });
  const raw = await makeArchive({ ...archive, includePaths: [], bytes: 0n, entries: 1, secretsDir: spec.dir }, run);
  await checkHoldsMetadata(raw, spec.dar, spec.dir);
  run.sender.hold(raw.unsent);
  return { raw, complete };
}

/** rc 0 is not proof: the archive must list exactly the one directory. */
export async function checkHoldsMetadata(raw: RawArchive, dar: DarConfig, secretsDir: string): Promise<void> {
  const entries: CatalogueEntry[] = [];
  for await (const batch of listCatalogue(raw.base, dar, { secretsDir })) entries.push(...batch);
  assertHoldsMetadata(raw, entries);
}

function assertHoldsMetadata({ base }: RawArchive, found: readonly CatalogueEntry[]): void {
  const entries = found.map(({ type, path }) => `${type} ${path}`);
  if (entries.join() === `d ${METADATA_DIRECTORY}`) return;
  throw new BwError('METADATA_ARCHIVE_WRONG', {
    message: 'the archive of the basepath directory does not hold what it should',
    subject: base,
    detail: entries.join('\n'),
    retry: 'retry',
    hint: 'It is made again. If it happens again, report it with the log of the backup.',
  });
}
