import type { Redis } from 'ioredis';
import type { Catalog } from '../catalog/index.js';
import type { Manifest } from '../catalog/manifest.js';
import type { BwError } from '../errors/bw-error.js';
import { readJournal } from '../journal/index.js';
import { NEWEST_KEY } from '../queues/names.js';
import { factsOf, type BasepathFacts, type SealedBackup } from './basepath-facts.js';
import { openFailures, replaceFailures } from './failures.js';
import { drawTicket, writeFacts } from './newest.js';

export interface RebuildReport {
  readonly backups: number;
  readonly basepaths: number;
  /** Manifests that could not be read. */
  readonly problems: readonly BwError[];
}

/** Facts held before they are written. */
const PIECE = 1_000;

/**
 * Refills Redis' index of the catalog from the sealed backups, and what failed since from the journal. Running work is not touched: jobs hold ids only, and what
 * is due is decided anew at the next tick. The index is never empty meanwhile, or fulls of everything would be due.
 */
export async function rebuildIndex(redis: Redis, catalog: Catalog): Promise<RebuildReport> {
  const ticket = await drawTicket(redis);
  const problems: BwError[] = [];
  const seen = new Set<string>();
  let backups = 0;
  let piece = new Map<string, BasepathFacts | null>();
  for await (const [basepathId, sealed] of byBasepath(catalog, problems)) {
    backups += sealed.length;
    seen.add(basepathId);
    piece.set(basepathId, factsOf(sealed));
    if (piece.size < PIECE) continue;
    await writeFacts(redis, ticket, piece);
    piece = new Map();
  }
  await writeFacts(redis, ticket, piece);
  await forgetOthers(redis, ticket, seen);
  await replaceFailures(redis, await openFailures(readJournal(catalog.journalDir, { kinds: ['attempt-ended'], onProblem: () => undefined })));
  return { backups, basepaths: seen.size, problems };
}

/** The listing comes basepath by basepath; of its manifests only what the facts need is kept. */
async function* byBasepath(catalog: Catalog, problems: BwError[]): AsyncGenerator<[string, SealedBackup[]]> {
  let current: [string, SealedBackup[]] | null = null;
  for await (const backup of catalog.listBackups()) {
    if (!backup.ok) {
      problems.push(backup.error);
      continue;
    }
    if (current !== null && current[0] !== backup.manifest.basepathId) {
      yield current;
      current = null;
    }
    current ??= [backup.manifest.basepathId, []];
    current[1].push(small(backup.manifest));
  }
  if (current !== null) yield current;
}

function small({ backupId, level, parent, capturedAt, startedAt, sealedAt, outcome, imported, counts, archives }: Manifest): SealedBackup {
  const { sourceBytes, archiveBytes } = counts;
  const walls = archives.map(({ dar: { wallMs } }) => ({ dar: { wallMs } }));
  return { backupId, level, parent, capturedAt, startedAt, sealedAt, outcome, ...(imported === undefined ? {} : { imported }), counts: { sourceBytes, archiveBytes }, archives: walls };
}

/** Basepaths of the index that the catalog has no backup of. */
async function forgetOthers(redis: Redis, ticket: number, seen: ReadonlySet<string>): Promise<void> {
  const gone = (await redis.hkeys(NEWEST_KEY)).filter((basepathId) => !seen.has(basepathId));
  await writeFacts(redis, ticket, new Map(gone.map((basepathId) => [basepathId, null])));
}
