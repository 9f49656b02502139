import type { TransferItem } from '../backend.js';

/** Body of POST transfer. Defaults of the API that hurt are all overridden: no verification, no failing on quota, mail for every task. */
export interface TransferDocument {
  readonly DATA_TYPE: 'transfer';
  readonly submission_id: string;
  readonly label: string;
  readonly source_endpoint: string;
  readonly destination_endpoint: string;
  readonly verify_checksum: true;
  readonly fail_on_quota_errors: true;
  readonly skip_source_errors: false;
  readonly preserve_timestamp: false;
  readonly notify_on_succeeded: false;
  readonly notify_on_failed: false;
  readonly notify_on_inactive: false;
  /** 3: what has the same checksum already is left alone. */
  readonly sync_level?: 3;
  readonly DATA: readonly TransferItemDocument[];
}

export interface TransferItemDocument {
  readonly DATA_TYPE: 'transfer_item';
  readonly source_path: string;
  readonly destination_path: string;
  readonly external_checksum?: string;
  readonly checksum_algorithm?: 'sha512';
}

export interface DeleteDocument {
  readonly DATA_TYPE: 'delete';
  readonly submission_id: string;
  readonly label: string;
  readonly endpoint: string;
  readonly recursive: boolean;
  readonly ignore_missing: true;
  readonly interpret_globs: false;
  readonly notify_on_succeeded: false;
  readonly notify_on_failed: false;
  readonly notify_on_inactive: false;
  readonly DATA: readonly { readonly DATA_TYPE: 'delete_item'; readonly path: string }[];
}

export interface Move {
  readonly from: string;
  readonly to: string;
  /** What the content must hash to, where the service shall compare it with both ends. */
  readonly sha512?: TransferItem['sha512'] | undefined;
}

export interface TransferRequest {
  readonly submissionId: string;
  readonly label: string;
  readonly source: string;
  readonly destination: string;
  readonly moves: readonly Move[];
  readonly onlyDifferent?: boolean;
}

const QUIET = { notify_on_succeeded: false, notify_on_failed: false, notify_on_inactive: false } as const;

/** No deadline: one that we set would not be extended while the task makes progress (pure). */
export function transferDocument({ submissionId, label, source, destination, moves, onlyDifferent = false }: TransferRequest): TransferDocument {
  return {
    DATA_TYPE: 'transfer',
    submission_id: submissionId,
    label,
    source_endpoint: source,
    destination_endpoint: destination,
    verify_checksum: true,
    fail_on_quota_errors: true,
    skip_source_errors: false,
    preserve_timestamp: false,
    ...QUIET,
    ...(onlyDifferent ? { sync_level: 3 as const } : {}),
    DATA: moves.map(({ from, to, sha512 }) => ({
      DATA_TYPE: 'transfer_item' as const,
      source_path: from,
      destination_path: to,
      ...(sha512 === undefined ? {} : { external_checksum: sha512, checksum_algorithm: 'sha512' as const }),
    })),
  };
}

export function deleteDocument(submissionId: string, label: string, endpoint: string, paths: readonly string[], recursive = false): DeleteDocument {
  return {
    DATA_TYPE: 'delete',
    submission_id: submissionId,
    label,
    endpoint,
    recursive,
    ignore_missing: true,
    interpret_globs: false,
    ...QUIET,
    DATA: paths.map((path) => ({ DATA_TYPE: 'delete_item', path })),
  };
}

/** Longest label the API takes. */
const MAX_LABEL = 128;
const PREFIX = 'bwb';

/** `bwb/<key>/<what>`: a task whose id got lost is found by it. Keys are ids of ours or of the service; anything else in them is replaced. */
export function labelOf(key: string, what: string): string {
  return `${PREFIX}/${key.replace(/[^A-Za-z0-9._-]/g, '_')}/${what}`.slice(0, MAX_LABEL);
}
