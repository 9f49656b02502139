import type { TransferBackend } from './backend.js';

/** The same backend, and how many objects were read through it: a recall from tape each, at worst. */
export function countReads(backend: TransferBackend): { readonly backend: TransferBackend; readonly reads: () => number } {
  const read = new Set<string>();
  const counting = new Proxy(backend, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const [first] = args;
        if (name === 'fetch' && typeof first === 'object' && first !== null && 'object' in first) read.add(String(first.object));
        if (name === 'localPath' && typeof first === 'string') read.add(first);
        return Reflect.apply(value as (...args: unknown[]) => unknown, target, args);
      };
    },
  });
  return { backend: counting, reads: () => read.size };
}
