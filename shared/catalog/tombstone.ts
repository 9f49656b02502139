import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BwError } from '../errors/bw-error.js';
import { errnoOf, exists, isTemporaryName, temporaryName, type Disk } from './disk.js';
import { linkExclusive } from './durable.js';
import { ERASED_FILE, isBackupId, MANIFEST_FILE, REMOVED_FILE, type Layout } from './layout.js';
import { isSealed, listBasepathIds, namesIn, readManifest, tombstoneIn } from './listing.js';

const tombstoneSchema = z.object({
  v: z.literal(1),
  removedAt: z.iso.datetime(),
  /** It is not erased before. */
  eraseAfter: z.iso.datetime(),
  reason: z.string(),
});

export type Tombstone = z.infer<typeof tombstoneSchema>;

export interface RemovedBackup {
  readonly basepathId: string;
  readonly backupId: string;
  /** removed: undelete brings it back · erasing: there is no way back. */
  readonly state: 'removed' | 'erasing';
  /** null where it cannot be read: such a backup is not erased. */
  readonly tombstone: Tombstone | null;
}

export interface BuryRequest {
  readonly basepathId: string;
  /** Children before their parents, so that a crash in between leaves no backup whose parent is gone. */
  readonly backupIds: readonly string[];
  readonly tombstone: Omit<Tombstone, 'v'>;
}

/** Backups that running work needs, asked for after the tombstones are there: id -> why. */
export type Claims = () => Promise<ReadonlyMap<string, string>>;

export interface EraseChecks {
  readonly claims: Claims;
  /** Whether an operator holds it. Asked for after the mark is there that `isVanishing` looks for. */
  readonly isHeld: () => Promise<boolean>;
}

export interface Burial {
  readonly basepathId: string;
  readonly buried: readonly string[];
  /** Got a tombstone that was taken back, and why. */
  readonly withheld: ReadonlyMap<string, string>;
}

/** Every backup with a tombstone, basepath by basepath. */
export async function* listRemoved(layout: Layout, basepathId?: string): AsyncGenerator<RemovedBackup> {
  for (const id of basepathId === undefined ? await listBasepathIds(layout) : [basepathId]) {
    for (const backupId of (await namesIn(layout.basepath(id))).filter(isBackupId).sort()) {
      const found = await stateIn(layout.backup(id, backupId));
      if (found !== null) yield { basepathId: id, backupId, ...found };
    }
  }
}

/**
 * Removes backups, brings them back, erases them. Nobody waits for anybody: each step is one link, rename or unlink of the tombstone, followed by a look
 * at what the others did, so that of two who must not both succeed one always sees the other.
 *
 *     sealed --bury--> removed.json --beginErase--> erased.json --finishErase--> nothing
 *       ^--------undelete----'
 *
 * A hold does not touch tombstones: beginErase puts a mark of its own beside removed.json, then reads holds, then goes on or takes its mark away; whoever
 * holds puts the hold on record first, then looks for marks.
 */
export class Graveyard {
  constructor(
    private readonly layout: Layout,
    private readonly disk: Disk,
  ) {}

  /**
   * Gives backups of one basepath their tombstones, then looks for what needs them (a seal under way, a child, running work) and takes those back that are
   * needed, with their ancestors. Backups that are not sealed, or have one already, are left out.
   */
  async bury(request: BuryRequest, claims: Claims): Promise<Burial> {
    const [burial] = await this.buryAll([request], claims);
    return burial ?? { basepathId: request.basepathId, buried: [], withheld: new Map() };
  }

  /** The same for several basepaths, asking for claims once. */
  async buryAll(requests: readonly BuryRequest[], claims: Claims): Promise<Burial[]> {
    const linked: { readonly basepathId: string; readonly ids: readonly string[] }[] = [];
    for (const request of requests) linked.push({ basepathId: request.basepathId, ids: await this.linkAll(request) });
    const claimed = linked.some(({ ids }) => ids.length > 0) ? await claims() : new Map<string, string>();
    const burials: Burial[] = [];
    for (const { basepathId, ids } of linked) burials.push(await this.settle(basepathId, ids, claimed));
    return burials;
  }

  private async linkAll({ basepathId, backupIds, tombstone }: BuryRequest): Promise<string[]> {
    const linked: string[] = [];
    for (const backupId of backupIds) if (await this.link(basepathId, backupId, { v: 1, ...tombstone })) linked.push(backupId);
    return linked;
  }

  private async settle(basepathId: string, linked: readonly string[], claims: ReadonlyMap<string, string>): Promise<Burial> {
    if (linked.length === 0) return { basepathId, buried: [], withheld: new Map() };
    const needed = await this.neededOf(basepathId, linked, claims);
    for (const backupId of [...needed.keys()].reverse()) await this.takeBack(basepathId, backupId);
    return { basepathId, buried: linked.filter((id) => !needed.has(id)), withheld: needed };
  }

  /**
   * Brings a backup back, and its ancestors before it. Returns the ids of those that had a tombstone.
   * @throws UNDELETE_ERASED (permanent) it or an ancestor is erased; nothing has changed then
   */
  async undelete(basepathId: string, backupId: string): Promise<string[]> {
    const back = new Map<string, Tombstone | null>();
    try {
      // Another prune may bury an ancestor again meanwhile, until it sees what is back.
      for (let chain = await this.buriedChain(basepathId, backupId); chain.length > 0; chain = await this.buriedChain(basepathId, backupId)) {
        const [eldest = backupId] = chain;
        const found = await this.stateOf(basepathId, eldest);
        if (await this.takeBack(basepathId, eldest)) back.set(eldest, found?.tombstone ?? null);
      }
    } catch (thrown) {
      // An ancestor was erased in this moment: none may live without it.
      for (const [id, tombstone] of [...back].reverse()) if (tombstone !== null) await this.link(basepathId, id, tombstone);
      throw thrown;
    }
    return [...back.keys()];
  }

  /** Its tombstone, or null without one. */
  async stateOf(basepathId: string, backupId: string): Promise<Pick<RemovedBackup, 'state' | 'tombstone'> | null> {
    return stateIn(this.layout.backup(basepathId, backupId));
  }

  /**
   * The step after which there is no way back. 'needed': something needs it after all (a crash cut a bury off before it looked), and it has been brought
   * back. 'held': an operator holds it; it stays removed. 'gone': it was undeleted, or erased by another. Repeated after a crash it is 'erasing' again, or,
   * where that came before the step, judged anew.
   */
  async beginErase(basepathId: string, backupId: string, checks: EraseChecks): Promise<'erasing' | 'needed' | 'held' | 'gone'> {
    const dir = this.layout.backup(basepathId, backupId);
    const name = await tombstoneIn(dir);
    if (name === null) return 'gone';
    if (name === ERASED_FILE) return 'erasing';
    // Of this start alone: another one that takes its own away says nothing about this one.
    const mark = join(dir, temporaryName(ERASED_FILE));
    await this.disk.writeNew(mark, Buffer.alloc(0));
    try {
      return await this.eraseUnlessWanted(basepathId, backupId, checks);
    } finally {
      await this.disk.unlink(mark); // after the rename: who looks for marks looks for the second name next
    }
  }

  private async eraseUnlessWanted(basepathId: string, backupId: string, { claims, isHeld }: EraseChecks): Promise<'erasing' | 'needed' | 'held' | 'gone'> {
    if ((await this.neededOf(basepathId, [backupId], await claims())).size > 0) {
      await this.takeBack(basepathId, backupId);
      return 'needed';
    }
    if (await isHeld()) return 'held';
    return (await this.renamed(this.layout.backup(basepathId, backupId))) ? 'erasing' : 'gone';
  }

  /**
   * Whether a backup is erased, is being erased, or may be without a look at a hold that is put on record only now. False: whoever erases it looks for holds
   * later than this call. A mark that a crash left makes it true for a removed backup until it is undeleted.
   */
  async isVanishing(basepathId: string, backupId: string): Promise<boolean> {
    const dir = this.layout.backup(basepathId, backupId);
    const isMarked = (await marksIn(dir)).length > 0; // before the tombstone: a mark goes when the tombstone has its second name
    const name = await tombstoneIn(dir);
    if (name === null) return !(await exists(join(dir, MANIFEST_FILE)));
    return name === ERASED_FILE || isMarked;
  }

  /** Removes what the catalog holds of a backup that is being erased, its tombstone last. Call it when LTS holds nothing of it any more. */
  async finishErase(basepathId: string, backupId: string): Promise<void> {
    const dir = this.layout.backup(basepathId, backupId);
    if (!(await exists(join(dir, ERASED_FILE)))) return;
    await this.disk.unlink(join(dir, MANIFEST_FILE));
    for (const name of await namesIn(dir)) if (name !== ERASED_FILE) await this.disk.unlink(join(dir, name));
    await this.disk.syncDir(dir);
    await this.disk.unlink(join(dir, ERASED_FILE));
    await this.disk.removeDir(dir);
    await this.disk.syncDir(dirname(dir));
  }

  private async link(basepathId: string, backupId: string, tombstone: Tombstone): Promise<boolean> {
    const dir = this.layout.backup(basepathId, backupId);
    if (!(await isSealed(dir))) return false;
    const temporary = join(dir, temporaryName(REMOVED_FILE));
    await this.disk.writeNew(temporary, Buffer.from(`${JSON.stringify(tombstone)}\n`));
    return (await linkExclusive(temporary, join(dir, REMOVED_FILE), { synced: true, disk: this.disk })) === 'linked';
  }

  /** True when this call took a tombstone away. */
  private async takeBack(basepathId: string, backupId: string): Promise<boolean> {
    const dir = this.layout.backup(basepathId, backupId);
    if (!(await exists(join(dir, REMOVED_FILE)))) return false;
    await this.disk.unlink(join(dir, REMOVED_FILE));
    for (const mark of await marksIn(dir)) await this.disk.unlink(join(dir, mark)); // whoever set it finds no tombstone to go on with
    await this.disk.syncDir(dir).catch((thrown: unknown) => {
      if (errnoOf(thrown) !== 'ENOENT') throw thrown; // erased to the end in this moment
    });
    return isSealed(dir);
  }

  private async renamed(dir: string): Promise<boolean> {
    try {
      await this.disk.rename(join(dir, REMOVED_FILE), join(dir, ERASED_FILE));
    } catch (thrown) {
      // Undeleted, or begun by another; on NFS also our own rename whose answer was lost.
      if (errnoOf(thrown) !== 'ENOENT') throw thrown;
      return exists(join(dir, ERASED_FILE));
    }
    await this.disk.syncDir(dir);
    return true;
  }

  /** Of the buried ones those that something living needs, ancestors after their descendants: id -> why. */
  private async neededOf(basepathId: string, buried: readonly string[], claims: ReadonlyMap<string, string>): Promise<Map<string, string>> {
    const needed = new Map<string, string>();
    const parents = new Map<string, string | null>();
    for (const backupId of (await namesIn(this.layout.basepath(basepathId))).filter(isBackupId)) {
      const dir = this.layout.backup(basepathId, backupId);
      if (buried.includes(backupId)) parents.set(backupId, await this.parentIn(dir));
      else if ((await tombstoneIn(dir)) === null) await this.noteLiving(basepathId, backupId, buried, needed);
    }
    for (const [id, why] of claims) if (buried.includes(id) && !needed.has(id)) needed.set(id, why);
    for (const [id] of needed) {
      const parent = parents.get(id) ?? null;
      if (parent !== null && buried.includes(parent) && !needed.has(parent)) needed.set(parent, `needed by ${id}`);
    }
    return needed;
  }

  /** What a living backup needs of the buried ones. Nobody knows the parent of one that is being sealed, or is damaged: then it may be any. */
  private async noteLiving(basepathId: string, backupId: string, buried: readonly string[], needed: Map<string, string>): Promise<void> {
    const dir = this.layout.backup(basepathId, backupId);
    if (!(await exists(join(dir, MANIFEST_FILE)))) {
      for (const id of buried) needed.set(id, `backup ${backupId} is being sealed, or its leftovers are not swept yet`);
      return;
    }
    try {
      const { parent } = await readManifest(this.layout, basepathId, backupId);
      if (parent !== null && buried.includes(parent)) needed.set(parent, `needed by ${backupId}`);
    } catch (thrown) {
      if (thrown instanceof BwError && thrown.code === 'MANIFEST_MISSING') return; // buried by another in this moment
      for (const id of buried) needed.set(id, `nobody knows what backup ${backupId} needs: its manifest cannot be read`);
    }
  }

  /** A backup and its ancestors that have a tombstone, the eldest first. Throws UNDELETE_ERASED. */
  private async buriedChain(basepathId: string, backupId: string): Promise<string[]> {
    const chain: string[] = [];
    for (let id: string | null = backupId; id !== null; ) {
      const dir = this.layout.backup(basepathId, id);
      const name = await tombstoneIn(dir);
      if (name === ERASED_FILE || !(await exists(join(dir, MANIFEST_FILE)))) throw erased(id, backupId);
      if (name === REMOVED_FILE) chain.unshift(id);
      id = await this.parentIn(dir);
    }
    return chain;
  }

  /** Of a manifest whose backup may have a tombstone; only its parent is looked at. null also where it was erased in this moment. */
  private async parentIn(dir: string): Promise<string | null> {
    try {
      return parentSchema.parse(JSON.parse(await readFile(join(dir, MANIFEST_FILE), 'utf8'))).parent;
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return null;
      throw thrown;
    }
  }
}

/** Of starts that are about to erase a removed backup, or died there. */
async function marksIn(dir: string): Promise<string[]> {
  return (await namesIn(dir)).filter((name) => isTemporaryName(name) && name.startsWith(`.${ERASED_FILE}.`));
}

const parentSchema = z.object({ parent: z.ulid().nullable() });

async function stateIn(dir: string): Promise<Pick<RemovedBackup, 'state' | 'tombstone'> | null> {
  const name = await tombstoneIn(dir);
  return name === null ? null : { state: name === REMOVED_FILE ? 'removed' : 'erasing', tombstone: await readTombstone(join(dir, name)) };
}

async function readTombstone(path: string): Promise<Tombstone | null> {
  try {
    return tombstoneSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null; // torn or of a newer version: whoever looks decides that nothing is erased
  }
}

function erased(backupId: string, wanted: string): BwError {
  return new BwError('UNDELETE_ERASED', {
    message: backupId === wanted ? 'the backup is erased already' : 'an ancestor of the backup is erased: it could not be restored',
    subject: `backup ${backupId}`,
    retry: 'permanent',
    hint: 'There is no way back. See `bw-bkup backups` for what is there.',
  });
}
