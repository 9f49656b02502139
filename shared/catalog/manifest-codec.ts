import { z } from 'zod';
import { BwError } from '../errors/bw-error.js';
import { isBackupId, isBasepathId, isStoredName } from './layout.js';
import { MANIFEST_FORMAT, MANIFEST_VERSION, manifestSchema, type Manifest, type StoredFile } from './manifest.js';

/** The files of ours a manifest names, in the order index, exceptions, logs, catalogues. */
export function storedFiles(manifest: Manifest): StoredFile[] {
  const optional = [manifest.exceptions, ...manifest.logs, ...manifest.archives.map((archive) => archive.catalogue)];
  return [manifest.index, ...optional.filter((file) => file !== null)];
}

/**
 * The bytes of `manifest.json`, the same in catalog and LTS. Refuses what decodeManifest would not read back:
 * throws SEAL_MANIFEST_INVALID (permanent).
 */
export function encodeManifest(manifest: Manifest): Buffer {
  const problems = problemsOf(manifest);
  if (problems.length === 0) return Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
  throw new BwError('SEAL_MANIFEST_INVALID', {
    message: 'A manifest was made that could not be read back; nothing was sealed',
    subject: `backup ${manifest.backupId}`,
    detail: problems.join('\n'),
    retry: 'permanent',
    hint: 'This is a fault of bw-bkup: report it with the detail above.',
  });
}

/**
 * @param where printable place the bytes came from (path or object), for the error
 * @throws MANIFEST_DAMAGED (permanent) not a valid manifest · MANIFEST_FOREIGN (operator) other format or newer version
 */
export function decodeManifest(bytes: Uint8Array, where: string): Manifest {
  const json = parseJson(bytes, where);
  refuseForeign(json, where);
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw damaged(where, z.prettifyError(parsed.error));
  const problems = contradictions(parsed.data);
  if (problems.length > 0) throw damaged(where, problems.join('\n'));
  return parsed.data;
}

/** The error of a manifest that exists but cannot be trusted. `cause` and detail say why. */
export function damaged(where: string, detail: string, cause?: unknown): BwError {
  return new BwError('MANIFEST_DAMAGED', {
    message: 'The manifest of a sealed backup cannot be read',
    subject: where,
    detail,
    cause,
    retry: 'permanent',
    hint: 'Fetch it again from long-term storage (object <basepathId>/<backupId>/manifest.json): `bw-bkup catalog rebuild`, or by hand with the restore kit.',
  });
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return json;
  } catch (cause) {
    throw damaged(where, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

const identitySchema = z.object({
  format: z.string(),
  version: z.number(),
  software: z.object({ bwBkup: z.string() }).optional().catch(undefined),
});

function refuseForeign(json: unknown, where: string): void {
  const identity = identitySchema.safeParse(json);
  if (!identity.success) throw damaged(where, 'it has no format and version');
  const { format, version, software } = identity.data;
  if (format === MANIFEST_FORMAT && version <= MANIFEST_VERSION) return;
  const writer = software === undefined ? 'an unknown program' : `bw-bkup ${software.bwBkup}`;
  throw new BwError('MANIFEST_FOREIGN', {
    message: `The manifest was written by ${writer} as ${format} version ${version}`,
    subject: where,
    detail: `this bw-bkup reads ${MANIFEST_FORMAT} up to version ${MANIFEST_VERSION}`,
    retry: 'operator',
    hint: 'Use a bw-bkup at least as new as the one that wrote it. Stock dar restores the archives in any case.',
  });
}

function problemsOf(manifest: Manifest): string[] {
  const parsed = manifestSchema.safeParse(manifest);
  return parsed.success ? contradictions(parsed.data) : [z.prettifyError(parsed.error)];
}

/** What types cannot say: parts of a manifest that contradict each other. */
function contradictions(manifest: Manifest): string[] {
  const problems: string[] = [];
  const expect = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  expect(isBackupId(manifest.backupId), 'backupId is not an upper-case ULID');
  expect(isBasepathId(manifest.basepathId), 'basepathId is not a plain name');
  expect((manifest.level === 'full') === (manifest.parent === null), `a ${manifest.level} backup with parent ${String(manifest.parent)}`);
  expect((manifest.level === 'full') === (manifest.depth === 0), `a ${manifest.level} backup of depth ${manifest.depth}`);
  expect(manifest.level !== 'full' || manifest.archives.length > 0, 'a full backup without archives');
  expect(manifest.parent !== manifest.backupId, 'the backup is its own parent');
  const files = storedFiles(manifest).map((file) => file.name);
  expect(files.every(isStoredName), 'a stored file has no plain name');
  expect(new Set(files).size === files.length, 'two stored files have one name');
  expect(new Set(manifest.archives.map((archive) => archive.key)).size === manifest.archives.length, 'two archives have one key');
  for (const archive of manifest.archives) {
    const gaps = archive.slices.some((slice, index) => slice.number !== index + 1);
    expect(!gaps, `slices of archive ${archive.key} are not numbered 1 to ${archive.slices.length}`);
    expect(archive.slices.every((slice) => Object.keys(slice.locations).length > 0), `a slice of archive ${archive.key} lies in no long-term storage`);
  }
  return problems;
}
