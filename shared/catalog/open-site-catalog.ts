import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCatalog, type Catalog } from './catalog.js';
import { errnoOf } from './disk.js';
import { writeDurable } from './durable.js';

/** Remembers, on this host, which catalog it has worked with. */
const MARK = 'catalog';

/**
 * Opens a site's catalog, making it the first time only: a host that has worked with a catalog in this directory and
 * now finds none there looks at an unmounted filesystem, not at a site without backups. Throws what openCatalog throws.
 */
export async function openSiteCatalog(config: { readonly catalog: { readonly dir: string }; readonly state: { readonly dir: string } }): Promise<Catalog> {
  const mark = join(config.state.dir, MARK);
  const known = (await readMark(mark)) === config.catalog.dir;
  const catalog = await openCatalog(config.catalog.dir, { create: !known });
  if (!known) await writeDurable(mark, Buffer.from(`${config.catalog.dir}\n`));
  return catalog;
}

async function readMark(mark: string): Promise<string | null> {
  try {
    return (await readFile(mark, 'utf8')).trimEnd();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return null;
    throw thrown;
  }
}
