import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { storedFiles } from '../../../shared/catalog/manifest-codec.js';
import type { TestSite } from '../../helpers/site.js';
import { untilNone } from './until.js';

/** Objects beside those a manifest names. */
const HELPERS = ['manifest.json', 'archives.tsv', 'SHA512SUMS'];

/** Waits until nothing is left of ended work: no file in any staging, no work directory, no object in LTS that no sealed manifest names. */
export async function expectSwept(site: TestSite, stagings: readonly string[] = [site.config.staging.dir]): Promise<void> {
  await untilNone('everything of ended work swept', async () => {
    const staged = (await Promise.all(stagings.map(filesBelow))).flat();
    const work = await readdir(join(site.config.catalog.dir, 'work'));
    return [...staged, ...work.map((name) => `work of ${name}`), ...(await orphans(site))];
  });
}

/** Objects in LTS that no sealed manifest names; the restore kit is no backup. */
export async function orphans(site: TestSite): Promise<string[]> {
  const named = new Map<string, Set<string>>();
  for (const manifest of await site.manifests()) {
    const parts = [...manifest.archives.flatMap((archive) => archive.slices), ...storedFiles(manifest)];
    for (const { locations } of parts) for (const [lts, { object }] of Object.entries(locations)) setOf(named, lts).add(object);
    for (const { name } of site.config.lts) for (const helper of HELPERS) setOf(named, name).add(`${manifest.basepathId}/${manifest.backupId}/${helper}`);
  }
  const found = await Promise.all(site.config.lts.map(async ({ name, dir }) => {
    const objects = (await filesBelow(dir)).map((file) => relative(dir, file));
    return objects.filter((object) => !object.startsWith('restore-kit/') && !setOf(named, name).has(object)).map((object) => `${name}:${object}`);
  }));
  return found.flat();
}

function setOf(map: Map<string, Set<string>>, key: string): Set<string> {
  const set = map.get(key) ?? new Set();
  map.set(key, set);
  return set;
}

/** Absolute paths of everything below that is not a directory; a directory may go away while we look. */
export async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch((thrown: unknown) => {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}
