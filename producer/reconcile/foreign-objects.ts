import { OWN_PREFIXES } from '../../shared/bundle/names.js';
import type { Finding } from '../../shared/reconcile/finding.js';
import type { Catalog } from '../../shared/catalog/index.js';
import { REPLACEABLE_PREFIX, type TransferBackend } from '../../shared/transfer/backend.js';
import { DOCTOR_PREFIX } from '../../shared/transfer/doctor-objects.js';

/** What lies in an LTS below no basepath that anything knows of. One pass over all of it, a sum per directory. */
export async function foreignObjects(catalog: Catalog, backend: TransferBackend, known: ReadonlySet<string>): Promise<Finding[]> {
  const imported = await importedObjects(catalog, backend.name);
  const sums = new Map<string, { count: number; bytes: bigint }>();
  for await (const { object, bytes } of backend.list('')) {
    const parts = object.split('/');
    const [top = ''] = parts;
    if (object.startsWith(REPLACEABLE_PREFIX) || object.startsWith(DOCTOR_PREFIX) || OWN_PREFIXES.includes(top) || (known.has(top) && parts.length > 2) || imported.has(object)) continue;
    const sum = sums.get(top) ?? { count: 0, bytes: 0n };
    sums.set(top, { count: sum.count + 1, bytes: sum.bytes + BigInt(bytes) });
  }
  return [...sums].map(([top, { count, bytes }]) => ({
    kind: 'objects-unexplained' as const,
    subject: `${backend.name}:${top}`,
    detail: `${count} object${count === 1 ? '' : 's'} that no basepath on record has`,
    bytes: bytes.toString(),
    state: 'left' as const,
    command: null,
    error: null,
  }));
}

/** Archives of other programs may lie anywhere in an LTS: only those are named outside their basepath's directory. */
async function importedObjects(catalog: Catalog, lts: string): Promise<Set<string>> {
  const named = new Set<string>();
  for await (const listed of catalog.listBackups()) {
    if (!listed.ok || listed.manifest.imported === undefined) continue;
    for (const { slices } of listed.manifest.archives) for (const { locations } of slices) if (locations[lts] !== undefined) named.add(locations[lts].object);
  }
  return named;
}
