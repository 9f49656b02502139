import { storedFiles, type Manifest } from '../catalog/index.js';

/** Objects beside those a manifest names. */
export const HELPER_OBJECTS = ['manifest.json', 'archives.tsv', 'SHA512SUMS'] as const;

/**
 * Which objects in a backup's directory are its own in whichever LTS (pure). A copy that is being made is not on record yet, so what one LTS calls a part may lie under that name
 * in each: names are never used for other content.
 */
export function ownObjects(manifest: Manifest, prefix: string): (object: string) => boolean {
  const parts = [...manifest.archives.flatMap((archive) => archive.slices), ...storedFiles(manifest)];
  const named = new Set(HELPER_OBJECTS.map((name) => `${prefix}/${name}`));
  for (const { name, locations } of parts) {
    named.add(`${prefix}/${name}`);
    for (const { object } of Object.values(locations)) named.add(object);
  }
  return (object) => named.has(object) || object.startsWith(`${prefix}/${REMADE_DIR}`) || isRecordObject(object, prefix);
}

/** Where a part goes of which another content lies under its own name: `copy-N/NAME`, so that it keeps the name that dar needs. */
const REMADE_DIR = 'copy-';

export function remadeObject(prefix: string, number: number, name: string): string {
  return `${prefix}/${REMADE_DIR}${number}/${name}`;
}

/** Records of copies in LTS are called after their content. */
const RECORD = /^copies\.[0-9a-f]{16}\.json$/;

export function recordObject(prefix: string, sha512: string): string {
  return `${prefix}/copies.${sha512.slice(0, 16)}.json`;
}

export function isRecordObject(object: string, prefix: string): boolean {
  return object.startsWith(`${prefix}/`) && RECORD.test(object.slice(prefix.length + 1));
}
