import type { Catalog, Manifest } from '../../shared/catalog/index.js';
import type { Config, VerifyConfig } from '../../shared/config/config.js';
import { readJournal } from '../../shared/journal/index.js';
import { NEWEST_KEY } from '../../shared/queues/names.js';
import type { QueueSet } from '../../shared/queues/queue-set.js';
import { newestOf } from '../../shared/runs/newest.js';
import { chooseVerifications, type ChosenVerification, type VerifyCandidate } from '../policy/choose-verifications.js';
import { enqueueVerify } from './enqueue-verify.js';

export interface OrderVerificationsParts {
  readonly config: Pick<Config, 'verify' | 'lts'>;
  readonly queues: QueueSet;
  readonly catalog: Catalog;
  readonly now: () => number;
}

/** Ordered in one round; the next round comes when these are through. */
const AT_ONCE = 20;
const DAY_MS = 86_400_000;

/**
 * Orders verifications of whoever was not verified for longest, if none is waiting or running. Of the catalog only the chains of those few are read.
 * Returns what was ordered.
 */
export async function orderVerifications(parts: OrderVerificationsParts): Promise<ChosenVerification[]> {
  const { config, queues, now } = parts;
  const { everyMs } = config.verify;
  if (everyMs === null || (await isUnderWay(queues))) return [];
  const nowMs = now();
  const { verifiedAt, spent } = await verificationsOnRecord(parts, nowMs);
  const due = (await queues.redis.hkeys(NEWEST_KEY)).filter((id) => nowMs - (verifiedAt.get(id) ?? -Infinity) >= everyMs);
  due.sort((a, b) => (verifiedAt.get(a) ?? 0) - (verifiedAt.get(b) ?? 0) || (a < b ? -1 : 1));
  const candidates: VerifyCandidate[] = [];
  for (const basepathId of due.slice(0, AT_ONCE)) {
    const candidate = await candidateOf(parts, basepathId, verifiedAt.get(basepathId) ?? null);
    if (candidate !== null) candidates.push(candidate);
  }
  const chosen = chooseVerifications({ candidates, config: config.verify, nowMs, spent, atOnce: AT_ONCE });
  for (const each of chosen) await enqueueVerify(queues, each);
  return chosen;
}

async function isUnderWay(queues: QueueSet): Promise<boolean> {
  const jobs = await queues.cleanup.getJobs(['active', 'waiting', 'prioritized', 'delayed']);
  return jobs.some((job) => job.name === 'verify');
}

interface OnRecord {
  readonly verifiedAt: ReadonlyMap<string, number>;
  readonly spent: { readonly bytes: number; readonly objects: number };
}

async function verificationsOnRecord({ catalog }: OrderVerificationsParts, nowMs: number): Promise<OnRecord> {
  const verifiedAt = new Map<string, number>();
  const spent = { bytes: 0, objects: 0 };
  for await (const record of readJournal(catalog.journalDir, { kinds: ['verified'], onProblem: () => undefined })) {
    const at = Date.parse(record.at);
    verifiedAt.set(record.basepathId, Math.max(at, verifiedAt.get(record.basepathId) ?? 0));
    if (nowMs - at >= DAY_MS) continue;
    spent.bytes += Number(record.recalledBytes);
    spent.objects += record.recalledObjects;
  }
  return { verifiedAt, spent };
}

/** Null: it has no backup any more, or none that can be used (which status says). */
async function candidateOf({ config, queues, catalog }: OrderVerificationsParts, basepathId: string, lastVerifiedAtMs: number | null): Promise<VerifyCandidate | null> {
  const newest = await newestOf(queues.redis, basepathId);
  if (newest === null) return null;
  try {
    const chain = await catalog.chain(await catalog.readManifest(basepathId, newest.backupId));
    return { basepathId, backupId: newest.backupId, lastVerifiedAtMs, tape: tapeOf(chain, config.lts, config.verify.level) };
  } catch {
    // Found damaged, and said so, by a verification that reads nothing else.
    return { basepathId, backupId: newest.backupId, lastVerifiedAtMs, tape: { bytes: 0, objects: 0 } };
  }
}

/** What is read from tape: hash reads every copy, the others one of each archive, from disk where there is one. */
function tapeOf(chain: readonly Manifest[], lts: Config['lts'], level: VerifyConfig['level']): { bytes: number; objects: number } {
  const tapes = new Set(lts.filter(({ tape }) => tape).map(({ name }) => name));
  const disks = new Set(lts.filter(({ tape }) => !tape).map(({ name }) => name));
  const sum = { bytes: 0, objects: 0 };
  for (const slice of chain.flatMap(({ archives }) => archives.flatMap(({ slices }) => slices))) {
    const places = Object.keys(slice.locations);
    const copies = places.filter((name) => tapes.has(name)).length;
    const read = level === 'hash' ? copies : places.some((name) => disks.has(name)) ? 0 : Math.min(1, copies);
    sum.bytes += slice.bytes * read;
    sum.objects += read;
  }
  return sum;
}
