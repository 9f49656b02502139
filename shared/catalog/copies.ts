import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { BwError } from '../errors/bw-error.js';
import { errnoOf, temporaryName, type Disk } from './disk.js';
import { linkExclusive } from './durable.js';
import { copyRecordName } from './layout.js';
import { storedFiles } from './manifest-codec.js';
import { locationSchema, type Manifest, type ObjectLocation } from './manifest.js';

const COPIES_FORMAT = 'bw-bkup-copies';
const COPIES_VERSION = 1;

/**
 * What became of the copies of a sealed backup in one LTS: its manifest stays as it was sealed. Beside it lie `copies.1.json`, `copies.2.json` and so on, each
 * linked once and never changed; what a later one says of a part of an LTS counts.
 */
export const copyRecordSchema = z.object({
  format: z.literal(COPIES_FORMAT),
  version: z.literal(COPIES_VERSION),
  backupId: z.ulid(),
  lts: z.string().min(1),
  at: z.iso.datetime(),
  /** By the name of the slice or file; null: it is not there any more. The index comes last: with it everything is there, manifest and helpers too. */
  locations: z.record(z.string(), locationSchema.nullable()),
});

export type CopyRecord = z.infer<typeof copyRecordSchema>;

export function copyRecord(fields: Pick<CopyRecord, 'backupId' | 'lts' | 'at' | 'locations'>): CopyRecord {
  const { backupId, lts, at, locations } = fields;
  return { format: COPIES_FORMAT, version: COPIES_VERSION, backupId, lts, at, locations };
}

/** The bytes of a record, the same in the catalog and in LTS. */
export function encodeCopyRecord(record: CopyRecord): Buffer {
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

/** Throws MANIFEST_DAMAGED: where the copies lie is not known then, and what nobody names would be taken for rubbish. */
export function decodeCopyRecord(bytes: Uint8Array, where: string): CopyRecord {
  try {
    return copyRecordSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new BwError('MANIFEST_DAMAGED', {
      message: 'A record of where copies of a sealed backup lie cannot be read',
      subject: where,
      detail: cause instanceof Error ? cause.message : String(cause),
      cause,
      retry: 'permanent',
      hint: 'Move the file away, then `bw-bkup catalog rebuild` takes what the long-term storages say. A newer bw-bkup may have written it: use that one.',
    });
  }
}

/** Records of the backup in `dir`, oldest first. One lookup where there are none. Throws MANIFEST_DAMAGED and system errors. */
export async function readCopyRecords(dir: string): Promise<CopyRecord[]> {
  const records: CopyRecord[] = [];
  for (;;) {
    const path = join(dir, copyRecordName(records.length + 1));
    const bytes = await readIfThere(path);
    if (bytes === null) return records;
    records.push(decodeCopyRecord(bytes, path));
  }
}

/** Adds a record behind those that are there, fsynced. One with the same content is there already after a crash, and not added again. */
export async function addCopyRecord(disk: Disk, dir: string, record: CopyRecord): Promise<void> {
  const bytes = encodeCopyRecord(record);
  for (;;) {
    const known = await readCopyRecords(dir);
    if (known.some((each) => encodeCopyRecord(each).equals(bytes))) return;
    const name = copyRecordName(known.length + 1);
    const temporary = join(dir, temporaryName(name));
    await disk.writeNew(temporary, bytes);
    if ((await linkExclusive(temporary, join(dir, name), { synced: true, disk })) === 'linked') return;
  }
}

/** The manifest with the locations that records add, or take away (pure). Whoever reads a manifest from the catalog gets this one. */
export function withCopies(manifest: Manifest, records: readonly CopyRecord[]): Manifest {
  if (records.length === 0) return manifest;
  const merged = structuredClone(manifest);
  const parts = [...merged.archives.flatMap(({ slices }) => slices), ...storedFiles(merged)];
  for (const part of parts) part.locations = mergedLocations(part, records);
  return merged;
}

function mergedLocations({ name, locations }: { readonly name: string; readonly locations: Record<string, ObjectLocation> }, records: readonly CopyRecord[]): Record<string, ObjectLocation> {
  const merged = new Map(Object.entries(locations));
  for (const record of records) {
    const location = Object.hasOwn(record.locations, name) ? record.locations[name] : undefined;
    if (location === null) merged.delete(record.lts);
    else if (location !== undefined) merged.set(record.lts, location);
  }
  return Object.fromEntries(merged);
}

async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT' || errnoOf(thrown) === 'ENOTDIR') return null;
    throw thrown;
  }
}
