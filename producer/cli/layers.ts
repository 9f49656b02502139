import type { Catalog, Manifest } from '../../shared/catalog/index.js';
import type { StateLayer } from '../../shared/index/state.js';

/** The indexes that make up the state of a backup, the full first. Throws CHAIN_BROKEN. */
export async function layersOf(catalog: Catalog, manifest: Manifest): Promise<StateLayer[]> {
  return (await catalog.chain(manifest)).map((each) => ({ file: catalog.file(each, each.index), backupId: each.backupId }));
}
