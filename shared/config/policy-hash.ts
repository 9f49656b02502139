import { createHash } from 'node:crypto';
import type { Config } from './config.js';

/** What the site decides for all hosts: everything but host settings. */
export type Policy = Pick<Config, 'topdirs' | 'catalog' | 'lts' | 'dar' | 'shards' | 'limits' | 'index' | 'restore' | 'schedule' | 'retention' | 'removal'>;

/**
 * SHA-256 (hex) of the policy's values. Spelling does not count: `32GiB` and 34359738368 hash alike, so do files
 * that list the same topdirs in another order.
 */
export function policyHash({ topdirs, catalog, lts, dar, shards, limits, index, restore, schedule, retention, removal }: Policy): string {
  const sorted = [...topdirs].sort((a, b) => (a.path < b.path ? -1 : 1));
  return createHash('sha256').update(canonicalJson({ topdirs: sorted, catalog, lts, dar, shards, limits, index, restore, schedule, retention, removal })).digest('hex');
}

/** JSON with the keys of every object in code unit order. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
}
