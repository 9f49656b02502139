import type { BwError } from '../errors/bw-error.js';

/** One object to bring to, or fetch from, long-term storage. */
export interface TransferItem {
  /** Path below the LTS root: `[A-Za-z0-9._-]` components joined by `/`; never reused for other content. */
  readonly object: string;
  /** Local file, absolute (our own names: plain text). */
  readonly file: string;
  readonly bytes: number;
  /** Lower-case hex, as dar computed it while writing. Of fetch alone also NO_HASH. */
  readonly sha512: string;
  /**
   * Of verify and fetch alone, where `rangeRead`: the content is the `bytes` bytes from here on of a bigger object, a bundle (shared/bundle). More than 0, as a
   * bundle begins with a tar header. Absent = the content is the whole object.
   */
  readonly offset?: number;
}

/** In place of the hash, and only for fetch: not compared; whoever cuts this bundle compares what is cut out of it. */
export const NO_HASH = '';

export type Verdict = 'match' | 'mismatch' | 'missing' | 'unknown';

export interface BackendCapabilities {
  /** submit returns before the bytes are there; poll tells when. */
  readonly async: boolean;
  readonly thirdParty: boolean;
  /** Hashes the far end computes itself; empty = verify reads back. */
  readonly remoteHash: readonly string[];
  readonly rangeResume: boolean;
  readonly bandwidthLimit: boolean;
  readonly cancel: boolean;
  /** Objects may have to be recalled (tape) before they can be fetched. */
  readonly staging: boolean;
  /** localPath() answers: objects can be read in place. */
  readonly directRead: boolean;
  /** `sent` already means read back and compared with the hash, so the engine does not verify again. Absent = false. */
  readonly verifiedWhenSent?: boolean;
  /**
   * verify and fetch take an `offset`, and read no more than that part. Absent = false: they are never given one; fetchItems (fetch-items.ts) brings
   * the whole bundle once and cuts it.
   */
  readonly rangeRead?: boolean;
  /** What one submit takes well, of a backend that works inside submit: it is given up to so many items and bytes (one item may be more). Absent = one item. */
  readonly batch?: { readonly items: number; readonly bytes: number };
}

export interface TransferProgress {
  /** Bytes moved since the last call. */
  readonly bytes: number;
  readonly object: string;
}

export interface TransferOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
}

export type TransferState = 'queued' | 'running' | 'stalled' | 'paused' | 'needs-operator' | 'sent' | 'failed' | 'cancelled';

export interface TransferStatus {
  readonly state: TransferState;
  readonly bytes: number;
  readonly files: number;
  /** Set when failed, or when the newest attempt inside the backend failed. */
  readonly error?: BwError;
  /**
   * Of a transfer that did not bring everything: objects that are there all the same, proven as those of a `sent` one are
   * (verifiedWhenSent). Only when poll was given the items.
   */
  readonly proven?: readonly string[];
}

/** Opaque to callers, JSON-serialisable, complete in itself (poll works in another process): kept beside the items so that a crash can be reconciled. */
export type TransferHandle = Readonly<Record<string, string | number | boolean | null>>;

export interface StoredObject {
  readonly object: string;
  readonly bytes: number;
}

/** Globus works on three transfers of an identity at once; the rest would wait there, where nothing can be added to them any more. */
export const DEFAULT_TASKS = 3;

/** online: fetch begins at once · recalling: ordered, on its way · offline: on tape only · missing: there is no such object, as fetch will say. */
export type StageState = 'online' | 'recalling' | 'offline' | 'missing';

/** Only objects below this may ever be replaced: the restore kit. */
export const REPLACEABLE_PREFIX = 'restore-kit/';

/**
 * What every way to long-term storage can do (conformance suite: test/conformance/).
 *
 * Contract: an object appears under its name only when complete. `submit` of the same key and items twice
 * has one effect. `put` never replaces an object of other content: same content is success, other content
 * is TRANSFER_OBJECT_EXISTS. A cancelled or failed transfer leaves no object under a final name that
 * verify would not call a match. After an abort nothing is written any more. A backend that is not `async`
 * does the work inside submit, which then rejects with the first item's error after trying all.
 *
 * Errors (BwError) every backend uses: TRANSFER_SOURCE_CORRUPT, TRANSFER_SOURCE_MISSING, TRANSFER_OBJECT_EXISTS,
 * OBJECT_NAME_INVALID (permanent) · TRANSFER_VERIFY_MISMATCH, TRANSFER_IO, TRANSFER_ABORTED (retry) · TRANSFER_NO_SPACE,
 * TRANSFER_DENIED, LTS_MISSING (operator) · fetch: RESTORE_OBJECT_CORRUPT, RESTORE_OBJECT_MISSING (permanent).
 */
export interface TransferBackend {
  readonly name: string;
  readonly kind: string;
  /** Of an async one: whose live transfers are counted together, over all LTS and hosts, and how many there may be. Absent: the LTS's own, DEFAULT_TASKS. */
  readonly tasks?: { readonly identity: string; readonly max: number };
  capabilities(): BackendCapabilities;
  /** Credentials, reachability, write permission, free bytes (null = unknown). Throws BwError. */
  probe(): Promise<{ readonly freeBytes: number | null }>;
  /** Idempotency key, to be put on record before submit. */
  prepare(items: readonly TransferItem[]): Promise<string>;
  /** Starts (or adopts) the transfer of items under key. */
  submit(key: string, items: readonly TransferItem[], options?: TransferOptions): Promise<TransferHandle>;
  /** `items`: those submitted, from a caller that has them: a failure can then name its item, and what is half-written goes at once. `signal`: of a caller who may give up waiting for the answer (TRANSFER_ABORTED). */
  poll(handle: TransferHandle, items?: readonly TransferItem[], signal?: AbortSignal): Promise<TransferStatus>;
  /** `items` as for poll. `keepMoved`: what has arrived whole counts, where the backend can tell, and poll names it as proven; else nothing of it is left. */
  cancel(handle: TransferHandle, items?: readonly TransferItem[], options?: { readonly keepMoved?: boolean }): Promise<void>;
  /** Where a person can look at a transfer, such as in the web app of its service; null: nowhere. Absent = nowhere. */
  taskUrl?(handle: TransferHandle): string | null;
  /** What a crash left behind for this key: adopt it, or null to submit anew. */
  reconcile(key: string, items: readonly TransferItem[]): Promise<TransferHandle | null>;
  /** Strongest check the backend has, never its own record of success. */
  verify(item: TransferItem, options?: TransferOptions): Promise<Verdict>;
  /** Brings an object, or a part of one, to item.file (must not exist) and checks size and hash on the way. A part beyond the object's end is RESTORE_OBJECT_CORRUPT. */
  fetch(item: TransferItem, options?: TransferOptions): Promise<void>;
  /**
   * fetch of many in as few calls outside as the backend can; one that fails does not stop the others. Returns the errors by `file`
   * (empty = all are there); throws only what concerns them all (TRANSFER_ABORTED, no credentials). Absent = fetch one by one.
   */
  fetchAll?(items: readonly TransferItem[], options?: TransferOptions): Promise<ReadonlyMap<string, BwError>>;
  /** Where directRead: absolute path of the object; null otherwise. */
  localPath(object: string): string | null;
  stat(object: string): Promise<StoredObject | null>;
  /** All objects below prefix (a directory without trailing slash, '' = everything), streaming, in no order, complete objects only. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /**
   * Orders the recall of objects from slow media, all in one order where the storage takes one, so that it can read each medium once. Returns when the order is
   * taken, not when they are there; ordering again what is ordered or there is harmless. A no-op where staging is false.
   */
  stage(objects: readonly string[]): Promise<void>;
  /**
   * Where each object is now, without ordering anything. Absent: the storage does not tell; then fetch of one that is not there yet
   * throws RESTORE_NOT_RECALLED (retry).
   */
  stageStates?(objects: readonly string[]): Promise<ReadonlyMap<string, StageState>>;
  /** Where each lies, such as the label of its tape, with its place there where known, as text that sorts in the order of reading. Objects of unknown place are left out. Absent = none is known. */
  mediumOf?(objects: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Objects that are not there are no error: removing twice is removing. */
  remove(objects: readonly string[]): Promise<void>;
  /** Writes or replaces a small object below REPLACEABLE_PREFIX in one step; OBJECT_NAME_INVALID for any other. */
  replace(object: string, bytes: Uint8Array): Promise<void>;
  /** Removes what dead transfers left half-written below prefix (as in list) and that is older than this, with directories that are empty then; returns how many. Absent = leaves nothing. */
  sweepParts?(olderThanMs: number, prefix?: string): Promise<number>;
}
