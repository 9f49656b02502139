import { readFile, truncate, writeFile } from 'node:fs/promises';
import { BwError } from '../../shared/errors/bw-error.js';
import type { BackendCapabilities, TransferBackend, TransferHandle, TransferItem, TransferOptions } from '../../shared/transfer/backend.js';

/**
 * flip, cut: the object is damaged behind the backend's back after it was sent · lost: it vanishes · no-space, io: submit fails ·
 * silent: submit claims success without doing anything.
 */
export type Fault = 'flip' | 'cut' | 'lost' | 'no-space' | 'io' | 'silent';

/** A backend over an in-place storage that fails as told, and that does not claim to verify while sending. */
export function faultyBackend(inner: TransferBackend, faultOf: (item: TransferItem) => Fault | null): TransferBackend {
  const capabilities = (): BackendCapabilities => ({ ...inner.capabilities(), verifiedWhenSent: false });
  const submit = async (key: string, items: readonly TransferItem[], options?: TransferOptions): Promise<TransferHandle> => {
    for (const item of items) throwFault(faultOf(item));
    const handle = await inner.submit(key, items.filter((item) => faultOf(item) !== 'silent'), options);
    for (const item of items) await damage(inner, item.object, faultOf(item));
    return handle;
  };
  // A proxy, because methods of the inner backend use private fields and must keep their `this`.
  return new Proxy(inner, {
    get(target, property) {
      if (property === 'submit') return submit;
      if (property === 'capabilities') return capabilities;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function throwFault(fault: Fault | null): void {
  const fields = { message: `fault for the test: ${String(fault)}`, hint: 'This is a test.' };
  if (fault === 'no-space') throw new BwError('TRANSFER_NO_SPACE', { ...fields, retry: 'operator' });
  if (fault === 'io') throw new BwError('TRANSFER_IO', { ...fields, retry: 'retry' });
}

async function damage(inner: TransferBackend, object: string, fault: Fault | null): Promise<void> {
  const path = inner.localPath(object) ?? '';
  if (fault === 'cut') await truncate(path, 1);
  if (fault === 'lost') await inner.remove([object]);
  if (fault !== 'flip') return;
  const bytes = await readFile(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
