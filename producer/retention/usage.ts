import type { Catalog } from '../../shared/catalog/index.js';
import type { BasepathRegistry } from '../../shared/basepaths/index.js';
import type { PathJson } from '../../shared/paths/path-json.js';
import { toPathJson } from '../../shared/paths/path-json.js';
import { bytesInLts } from './site-facts.js';

const DAY_MS = 86_400_000;
/** Growth is measured over this time, days: long enough for one cycle of fulls at the default. */
export const GROWTH_DAYS = 30;

export interface Usage {
  readonly backups: number;
  readonly bytes: bigint;
  readonly removedBytes: bigint;
  /** Sealed in the last GROWTH_DAYS days. */
  readonly grownBytes: bigint;
}

export interface BasepathUsage extends Usage {
  readonly basepathId: string;
  readonly path: PathJson | null;
  readonly topdir: string | null;
}

const NOTHING: Usage = { backups: 0, bytes: 0n, removedBytes: 0n, grownBytes: 0n };

/** What each basepath takes in every LTS: catalog only, one basepath after the other. */
export async function* usageOf(catalog: Catalog, registry: BasepathRegistry, nowMs: number): AsyncGenerator<BasepathUsage> {
  for (const basepathId of await catalog.listBasepathIds()) {
    let usage = NOTHING;
    let topdir = registry.byId(basepathId)?.topdir ?? null;
    for await (const listed of catalog.listBackups({ basepathId })) {
      if (!listed.ok) continue;
      const bytes = bytesInLts(listed.manifest);
      const young = nowMs - Date.parse(listed.manifest.sealedAt) < GROWTH_DAYS * DAY_MS;
      usage = addUsage(usage, { backups: 1, bytes, removedBytes: 0n, grownBytes: young ? bytes : 0n });
      topdir ??= listed.manifest.source.topdir;
    }
    for await (const { backupId } of catalog.listRemoved({ basepathId })) {
      const manifest = await catalog.readBuried(basepathId, backupId).catch(() => null); // a damaged one has no size
      const bytes = manifest === null ? 0n : bytesInLts(manifest);
      usage = addUsage(usage, { ...NOTHING, bytes, removedBytes: bytes });
    }
    const record = registry.byId(basepathId);
    yield { basepathId, path: record === undefined ? null : toPathJson(record.path), topdir, ...usage };
  }
}

export function addUsage(a: Usage, b: Usage): Usage {
  return { backups: a.backups + b.backups, bytes: a.bytes + b.bytes, removedBytes: a.removedBytes + b.removedBytes, grownBytes: a.grownBytes + b.grownBytes };
}

export interface Growth {
  readonly bytesPerDay: bigint;
  /** null: it does not fill up as things are, or nobody knows how much is free. */
  readonly daysToFull: number | null;
}

/**
 * When an LTS is full (pure), if backups go on as in the last GROWTH_DAYS days (or, on a young site, since its first backup) and erasures give back what is
 * removed already and, of what is there, what retention lets go at the same pace (`goneBytes`: erased in that time).
 */
export function growth(total: Pick<Usage, 'grownBytes' | 'removedBytes'>, goneBytes: bigint, freeBytes: bigint | null, ageDays: number): Growth {
  const days = BigInt(Math.max(1, Math.min(GROWTH_DAYS, Math.ceil(ageDays))));
  const net = total.grownBytes - goneBytes;
  const bytesPerDay = net <= 0n ? 0n : net / days;
  if (freeBytes === null || bytesPerDay === 0n) return { bytesPerDay, daysToFull: null };
  return { bytesPerDay, daysToFull: Number((freeBytes + total.removedBytes) / bytesPerDay) };
}

/** What of it an LTS has, or is to get (pure): that of topdirs that go there. What is in none that is configured may lie anywhere. */
export function usageIn(lts: string, usages: readonly BasepathUsage[], topdirs: readonly { readonly path: string; readonly lts: readonly string[] }[]): Usage {
  const goesThere = ({ topdir }: BasepathUsage): boolean => topdirs.find(({ path }) => path === topdir)?.lts.includes(lts) !== false;
  return usages.filter(goesThere).reduce<Usage>(addUsage, NOTHING);
}
