import type { TransferHandle, TransferItem, TransferStatus } from './backend.js';
import { assertObjectName } from './object-name.js';

// What backends have in common that do their work inside submit: a handle exists only for what that finished.

/** A key of its own. Throws OBJECT_NAME_INVALID. */
export function freshKey(items: readonly TransferItem[]): string {
  for (const item of items) assertObjectName(item.object);
  return crypto.randomUUID();
}

export function handleOf(key: string, items: readonly TransferItem[]): TransferHandle {
  return { key, bytes: items.reduce((sum, item) => sum + item.bytes, 0), files: items.length };
}

export function statusOf(handle: TransferHandle): TransferStatus {
  return { state: 'sent', bytes: Number(handle['bytes']), files: Number(handle['files']) };
}
