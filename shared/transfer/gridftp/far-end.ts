import { dirname } from 'node:path/posix';
import { BwError } from '../../errors/bw-error.js';
import type { Bandwidth } from '../bandwidth.js';
import { assertObjectName } from '../object-name.js';
import { SessionPool } from './control/session-pool.js';
import type { ControlSession } from './control/session.js';
import { DEFAULT_STALL_MS, type GridftpOptions } from './options.js';
import { UrlCopy } from './url-copy.js';

/** The storage as the parts of this backend see it: where it is, and ways to it. */
export class FarEnd {
  readonly name: string;
  readonly root: string;
  readonly sessions: SessionPool;
  readonly urlCopy: UrlCopy;
  readonly bandwidth: Bandwidth;
  readonly concurrent: number;
  readonly #claims = new Map<string, Promise<unknown>>();

  constructor(options: GridftpOptions) {
    const { server, auth, parallel, stallMs = DEFAULT_STALL_MS } = options;
    this.name = options.name;
    this.root = options.dir.replace(/\/+$/, '');
    this.sessions = new SessionPool({ server, auth, stallMs });
    this.urlCopy = new UrlCopy({ server, auth, parallel, stallMs });
    this.bandwidth = options.bandwidth;
    this.concurrent = options.concurrent;
  }

  /** Throws OBJECT_NAME_INVALID. */
  path(object: string): string {
    assertObjectName(object);
    return `${this.root}/${object}`;
  }

  /** Makes directories with their parents below the root, asked anew each time: another host may have pruned them. Throws LTS_MISSING when the root is not there: it is never made. */
  async ensureDirectories(session: ControlSession, dirs: ReadonlySet<string>): Promise<void> {
    for (const dir of dirs) await this.#ensure(session, dir);
  }

  async assertRoot(session: ControlSession): Promise<void> {
    const there = await session.look(`${this.root}/`);
    if (there?.kind !== 'dir') throw this.#missing();
  }

  /** Directories that are empty go, up to the root, so that pruned backups leave nothing. */
  async removeEmpty(session: ControlSession, dir: string): Promise<void> {
    for (let at = dir; at !== this.root && (await session.removeDirectory(at)); ) at = dirname(at);
  }

  /** One at a time per path: the server's rename replaces, so between looking and renaming nobody of ours may publish the same name. */
  async claim<T>(path: string, work: () => Promise<T>): Promise<T> {
    const before = this.#claims.get(path) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#claims.set(path, mine);
    try {
      return await mine;
    } finally {
      if (this.#claims.get(path) === mine) this.#claims.delete(path);
    }
  }

  async #ensure(session: ControlSession, dir: string): Promise<void> {
    if (dir === this.root) {
      await this.assertRoot(session);
      return;
    }
    if ((await session.makeDirectory(dir)) !== 'no-parent') return;
    await this.#ensure(session, dirname(dir));
    if ((await session.makeDirectory(dir)) === 'no-parent') throw this.#missing();
  }

  #missing(): BwError {
    return new BwError('LTS_MISSING', {
      message: 'the directory of the long-term storage is not there',
      retry: 'operator',
      subject: this.root,
      hint: 'Is it mounted at the GridFTP server? If this LTS is new, create the directory there (mode 0700); bw-bkup never does, lest it fill the disk below a mount point.',
      lts: this.name,
    });
  }
}
