import { join } from 'node:path';
import type { Manifest } from '../../../shared/catalog/index.js';
import { listCatalogue } from '../../../shared/dar/index.js';
import type { TestSite } from '../../helpers/site.js';

/** Names of the files that an archive of a sealed backup holds. */
export async function filesIn(site: TestSite, manifest: Manifest, key: string): Promise<string[]> {
  const archive = manifest.archives.find((each) => each.key === key);
  const name = archive?.catalogue?.name ?? '';
  const base = join(site.config.catalog.dir, 'backups', manifest.basepathId, manifest.backupId, name.replace(/\.1\.dar$/, ''));
  const files: string[] = [];
  for await (const batch of listCatalogue(base, site.config.dar, { secretsDir: site.dir })) files.push(...batch.filter(({ type }) => type === 'f').map(({ path }) => path));
  return files.sort();
}
