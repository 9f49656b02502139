import type { Finding } from '../../shared/reconcile/finding.js';
import { REPLACEABLE_PREFIX, type TransferBackend } from '../../shared/transfer/backend.js';

/** What lies in an LTS below no basepath that anything knows of. One pass over all of it, a sum per directory. */
export async function foreignObjects(backend: TransferBackend, known: ReadonlySet<string>): Promise<Finding[]> {
  const sums = new Map<string, { count: number; bytes: bigint }>();
  for await (const { object, bytes } of backend.list('')) {
    const parts = object.split('/');
    const [top = ''] = parts;
    if (object.startsWith(REPLACEABLE_PREFIX) || (known.has(top) && parts.length > 2)) continue;
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
