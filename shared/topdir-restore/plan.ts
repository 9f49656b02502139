import type { BasepathRecord } from '../basepaths/index.js';
import type { Manifest } from '../catalog/manifest.js';
import { bytePath, showPath, type BytePath } from '../paths/byte-path.js';
import { fromPathJson } from '../paths/path-json.js';

/** What is kept of a sealed backup while all of them are looked at. */
export interface SealedBackup {
  readonly basepathId: string;
  readonly backupId: string;
  readonly topdir: string;
  /** Absolute path of the basepath then. */
  readonly path: BytePath;
  readonly capturedAt: string;
  readonly sourceBytes: bigint;
  readonly records: number;
  /** Compared with its parent something had changed or was gone. */
  readonly changed: boolean;
}

export interface ChosenBackup extends SealedBackup {
  /** Capture of the newest backup that found a change; of the chosen one where none did. ms since the epoch. */
  readonly activeMs: number;
}

/** A basepath that was there at the time asked for. */
export interface TopdirBasepath {
  readonly basepathId: string;
  /** Where it is restored to, below the directory asked for: its path below the topdir. */
  readonly name: string;
  /** Null: it has no backup captured at or before that time. */
  readonly backup: ChosenBackup | null;
}

export function sealedBackup({ basepathId, backupId, source, capturedAt, counts }: Manifest): SealedBackup {
  const { sourceBytes, records, changed, removed } = counts;
  return { basepathId, backupId, topdir: source.topdir, path: fromPathJson(source.path), capturedAt, sourceBytes: BigInt(sourceBytes), records, changed: changed + removed > 0 };
}

/** Takes the backups of a site one by one, and keeps of each basepath the one of latest capture that is not later than `atMs`. */
export class Choice {
  readonly #chosen = new Map<string, ChosenBackup>();

  constructor(private readonly atMs: number) {}

  add(backup: SealedBackup): void {
    const capturedMs = Date.parse(backup.capturedAt);
    if (capturedMs > this.atMs) return;
    const before = this.#chosen.get(backup.basepathId);
    const activeMs = Math.max(before?.activeMs ?? 0, backup.changed ? capturedMs : 0);
    const newest = before === undefined || capturedMs >= Date.parse(before.capturedAt) ? backup : before;
    this.#chosen.set(backup.basepathId, { ...newest, activeMs });
  }

  get chosen(): ReadonlyMap<string, ChosenBackup> {
    return new Map([...this.#chosen].map(([id, backup]) => [id, { ...backup, activeMs: backup.activeMs === 0 ? Date.parse(backup.capturedAt) : backup.activeMs }]));
  }
}

/**
 * The basepaths that a topdir had at a time, in the order of their names (pure). `registry`: as the journal had it then, so that one that is gone now comes back, one that was
 * gone then does not, and a renamed one gets the name it had. A backup of a basepath that the journal does not know counts for what its manifest says.
 */
export function basepathsOf(topdir: string, registry: Iterable<BasepathRecord>, chosen: ReadonlyMap<string, ChosenBackup>): TopdirBasepath[] {
  const records = new Map([...registry].map((record) => [record.basepathId, record]));
  const top = bytePath.fromText(topdir);
  const taken = new Set<string>();
  const found: TopdirBasepath[] = [];
  for (const basepathId of [...new Set([...records.keys(), ...chosen.keys()])].sort()) {
    const record = records.get(basepathId);
    const backup = chosen.get(basepathId) ?? null;
    if ((record?.topdir ?? backup?.topdir) !== topdir || (record !== undefined && record.deletedAt !== null)) continue;
    const name = nameBelow(top, record?.path ?? backup?.path ?? top);
    const free = name !== null && !taken.has(name) ? name : basepathId;
    taken.add(free);
    found.push({ basepathId, name: free, backup });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Null where it cannot be given to other tools: it is not UTF-8, or lies elsewhere. */
function nameBelow(top: BytePath, path: BytePath): string | null {
  if (!path.startsWith(`${top}/`)) return null;
  const name = bytePath.of(path.slice(top.length + 1));
  const text = bytePath.toBuffer(name).toString('utf8');
  return bytePath.fromText(text) === name && showPath(name) !== '' ? text : null;
}
