import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { removeFile } from '../../shared/files/remove-file.js';
import { startOf } from '../../shared/hosts/process-start.js';

const bytes = z.number().nonnegative();
const rank = z.strictObject({ overdue: z.boolean(), priority: z.number(), since: z.number() });

const claimSchema = z.strictObject({
  pid: z.number().int().positive(),
  /** Since the boot of the host, in clock ticks: the same pid may come again. */
  startedAt: z.string(),
  reserved: bytes,
  running: z.number().int().nonnegative(),
  held: bytes,
  largestSlice: bytes,
  /** The first that waits for room. */
  waiting: rank.nullable(),
  restores: z.strictObject({ reserved: bytes, waiting: bytes, owners: z.array(z.string()) }),
});

/** What one worker process tells the others of its host that it may still write. */
export type Claim = Omit<z.infer<typeof claimSchema>, 'pid' | 'startedAt'>;

/** A process that does not look any more (it is stopped, or hangs) makes nobody wait after this, ms. */
const WAITING_COUNTS_MS = 5_000;
/** A lock is held for a millisecond; one that is older was left by a process that was killed. */
const LOCK_STALE_MS = 10_000;
const LOCK_RETRY_MS = 2;

/**
 * The claims of the worker processes of a host on its staging, a file each, beside what they claim: they need no server, nothing of them outlives
 * the processes (a claim counts while its process lives), and what lies in staging itself is never claimed but looked at.
 */
export class Claims {
  #self: { readonly pid: number; readonly startedAt: string } | null = null;
  #published: string | null = null;
  readonly #lock: string;

  constructor(readonly dir: string) {
    this.#lock = join(dir, 'lock');
  }

  /** One process at a time looks at what others claim and claims itself. */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    while (!(await this.#tryLock())) await sleep(LOCK_RETRY_MS);
    try {
      return await work();
    } finally {
      await rmdir(this.#lock).catch(() => undefined);
    }
  }

  /** Of processes that live. */
  async others(): Promise<Claim[]> {
    const own = await this.#ownName();
    const claims: Claim[] = [];
    for (const name of await readdir(this.dir)) {
      if (!name.endsWith('.json') || name === own) continue;
      const claim = await this.#read(join(this.dir, name));
      if (claim !== null) claims.push(claim);
    }
    return claims;
  }

  /** Null: claims nothing. */
  async publish(claim: Claim | null): Promise<void> {
    const file = join(this.dir, await this.#ownName());
    if (claim === null) {
      if (this.#published !== null) await removeFile(file);
      this.#published = null;
      return;
    }
    const text = JSON.stringify({ ...(await this.#identity()), ...claim });
    if (text === this.#published && claim.waiting === null) return;
    await writeFile(file, text, { mode: 0o600 });
    this.#published = text;
  }

  /** Removes what processes that were killed claimed: it counts no more, but lies there. */
  async forgetDead(): Promise<void> {
    if (!existsSync(this.dir)) return;
    await this.locked(() => this.others());
    await this.leave();
  }

  /** Whether others see a claim of this process. */
  get areMade(): boolean {
    return this.#published !== null;
  }

  /** Takes the directory away with the last process. */
  async leave(): Promise<void> {
    await rmdir(this.dir).catch(() => undefined); // others are in it, or it was never made
  }

  async #tryLock(): Promise<boolean> {
    try {
      await mkdir(this.#lock, { mode: 0o700 });
      return true;
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === 'ENOENT') await mkdir(this.dir, { recursive: true, mode: 0o700 });
      else if (code !== 'EEXIST') throw thrown;
      else if (Date.now() - (await changedAt(this.#lock)) > LOCK_STALE_MS) await rmdir(this.#lock).catch(() => undefined);
      return false;
    }
  }

  async #read(file: string): Promise<Claim | null> {
    const text = await readFile(file, 'utf8').catch(() => null);
    const parsed = text === null ? null : claimSchema.safeParse(parse(text));
    if (parsed?.success !== true || (await startOf(parsed.data.pid)) !== parsed.data.startedAt) {
      await rm(file, { force: true }); // of a process that is gone: under the lock nobody writes
      return null;
    }
    const isFresh = Date.now() - (await changedAt(file)) < WAITING_COUNTS_MS;
    return isFresh ? parsed.data : { ...parsed.data, waiting: null };
  }

  async #identity(): Promise<{ readonly pid: number; readonly startedAt: string }> {
    return (this.#self ??= { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '' });
  }

  async #ownName(): Promise<string> {
    const { pid, startedAt } = await this.#identity();
    return `${pid}-${startedAt}.json`;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function changedAt(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.mtimeMs ?? Date.now();
}
