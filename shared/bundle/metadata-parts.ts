import { createHash } from 'node:crypto';
import { MANIFEST_FILE, storedFiles, type Catalog, type Manifest } from '../catalog/index.js';
import { ARCHIVES_TSV, renderArchivesTsv, renderSha512Sums, SHA512SUMS } from '../restore-kit/render-archives.js';
import type { BundlePart } from './lay-out.js';

/** A file that describes a backup: where it lies in the catalog, or its bytes. */
export interface MetadataPart extends BundlePart {
  readonly from: string | Buffer;
}

/** Everything but slices that an LTS holds of a backup, as objects of their own or in a bundle; the manifest last, as ever. */
export async function metadataParts(catalog: Pick<Catalog, 'file' | 'manifestBytes'>, manifest: Manifest): Promise<MetadataPart[]> {
  const dir = `${manifest.basepathId}/${manifest.backupId}`;
  const own = (name: string, bytes: Buffer): MetadataPart => ({ name: `${dir}/${name}`, bytes: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex'), from: bytes });
  return [
    ...storedFiles(manifest).map((file): MetadataPart => ({ name: `${dir}/${file.name}`, bytes: file.bytes, sha512: file.sha512, from: catalog.file(manifest, file) })),
    own(ARCHIVES_TSV, Buffer.from(renderArchivesTsv(manifest))),
    own(SHA512SUMS, Buffer.from(renderSha512Sums(manifest))),
    own(MANIFEST_FILE, await catalog.manifestBytes(manifest.basepathId, manifest.backupId)), // as it was sealed: the same everywhere
  ];
}
