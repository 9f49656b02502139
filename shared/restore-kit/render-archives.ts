import type { Manifest } from '../catalog/manifest.js';

/** Names of the objects beside a backup's manifest that let a shell restore it. */
export const ARCHIVES_TSV = 'archives.tsv';
export const SHA512SUMS = 'SHA512SUMS';

/** Metadata last: it sets what every other archive would change again. */
const KIND_RANK = { removals: 0, data: 1, metadata: 2 } as const;

const HEADER = '#restoreOrder\tkind\tarchive\tslices\tdirectoriesWithEa\tkeyId\n';

/** One line per archive in the order a restore takes them; keyId `-` = not encrypted. All names are plain text without tabs. */
export function renderArchivesTsv(manifest: Pick<Manifest, 'archives'>): string {
  const archives = [...manifest.archives].sort((a, b) => a.restoreOrder - b.restoreOrder || KIND_RANK[a.kind] - KIND_RANK[b.kind] || compare(a.name, b.name));
  const lines = archives.map((archive) =>
    [archive.restoreOrder, archive.kind, archive.name, archive.slices.length, archive.directoriesWithEa, archive.keyId ?? '-'].join('\t'),
  );
  return HEADER + lines.map((line) => `${line}\n`).join('');
}

/** coreutils format, of all slices and isolated catalogues: `sha512sum -c SHA512SUMS` in the backup's directory checks them. */
export function renderSha512Sums(manifest: Pick<Manifest, 'archives'>): string {
  const files = manifest.archives.flatMap(({ slices, catalogue }) => (catalogue === null ? slices : [...slices, catalogue]));
  return files.map(({ name, sha512 }) => `${sha512}  ${name}\n`).join('');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}
