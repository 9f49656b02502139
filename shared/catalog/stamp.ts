import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { BwError } from '../errors/bw-error.js';
import { errnoOf, temporaryName, type Disk } from './disk.js';
import { linkExclusive } from './durable.js';

export const CATALOG_FORMAT = 'bw-bkup-catalog';
export const CATALOG_VERSION = 1;
const STAMP_FILE = 'catalog.json';
const STAMP = JSON.stringify({ format: CATALOG_FORMAT, version: CATALOG_VERSION });

const stampSchema = z.object({ format: z.literal(CATALOG_FORMAT), version: z.number().int().positive() });

/**
 * Whether this directory is a catalog. The stamp tells an empty catalog from the mount point of a filesystem that is not mounted.
 * @throws CATALOG_FOREIGN · CATALOG_DAMAGED (both operator)
 */
export async function isStamped(root: string): Promise<boolean> {
  const path = join(root, STAMP_FILE);
  const version = await readVersion(path);
  if (version !== null && version > CATALOG_VERSION) throw foreign(path, version);
  return version !== null;
}

/** Marks a directory as catalog; of several callers one does, to the same effect. */
export async function writeStamp(root: string, disk: Disk): Promise<void> {
  const temporary = join(root, temporaryName(STAMP_FILE));
  await disk.writeNew(temporary, Buffer.from(`${STAMP}\n`));
  await linkExclusive(temporary, join(root, STAMP_FILE), { synced: true, disk });
}

export function missingCatalog(root: string): BwError {
  return new BwError('CATALOG_MISSING', {
    message: 'There is no catalog in this directory',
    subject: root,
    retry: 'operator',
    hint: 'Is its filesystem mounted? This host has worked with a catalog there. If it is lost for good, remove the file `catalog` in state.dir and run `bw-bkup catalog rebuild`, which brings back what long-term storage holds.',
  });
}

async function readVersion(path: string): Promise<number | null> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    return stampSchema.parse(json).version;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw new BwError('CATALOG_DAMAGED', {
      message: 'The stamp of the catalog cannot be read',
      subject: path,
      cause: thrown,
      retry: 'operator',
      hint: `If this is the catalog, and it can be read, write ${STAMP} into that file.`,
    });
  }
}

function foreign(path: string, version: number): BwError {
  return new BwError('CATALOG_FOREIGN', {
    message: `The catalog has format version ${version}; this bw-bkup knows ${CATALOG_VERSION}`,
    subject: path,
    retry: 'operator',
    hint: 'Use the bw-bkup version that made it, or a newer one.',
  });
}
