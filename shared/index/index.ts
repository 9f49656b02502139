/** Everything about indexes: listing a tree, cutting it into shards, proving what was saved, the final index. */
export { writeDarList, type DarList } from './dar-list.js';
export { messageLookup } from './dar-messages.js';
export { exceptionLine, type ExceptionReason, type IndexException } from './exceptions.js';
export { findInIndex, listIndex, readIndex } from './find-in-index.js';
export { formatRecord, parseRecord, recordKey } from './format.js';
export { compileGlob } from './glob.js';
export { inspectRoot, type RootFacts } from './inspect-root.js';
export { readRecordFile } from './line-file.js';
export { mergeSettled, type MergedIndex, type MergeOptions } from './merge.js';
export { planShards, type PlanOptions, type ShardPlan } from './plan-shards.js';
export type { PlannedShard } from './shard-files.js';
export { ShardReconciler, type ArchiveContent, type ReconcilerOptions, type RoundResult, type ShardOutcome } from './reconcile.js';
export { recordPath, type FileType, type IndexRecord, type RecordFlag } from './record.js';
export type { SavedEntry } from './saved-entry.js';
export { scan, type Scan, type ScanOptions } from './scan.js';
export { findInState, listState, readState, readStateRecords, stateRecord, type StateEntry, type StateLayer, type StateRecord } from './state.js';
export { isTombstone, tombstoneLine } from './tombstone.js';
