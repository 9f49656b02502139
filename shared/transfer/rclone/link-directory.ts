import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ownIdentity, startOf } from '../../hosts/process-start.js';

const PREFIX = 'bw-bkup-rclone-';
/** Of processes that cannot be looked for: of before a boot, of another host or container. No copy takes longer. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

/** Which process made it, told by its name. */
export interface LinkOwner {
  /** Where its pid means something: this boot of this host, these pids. */
  readonly realm: string;
  readonly pid: number;
  readonly startedAt: string;
}

/** A new directory for links, below TMPDIR, whose name says whose it is: who is killed cannot remove it. */
export async function makeLinkDirectory(): Promise<string> {
  const { realm, pid, startedAt } = await ownOwner();
  return mkdtemp(join(tmpdir(), `${PREFIX}${realm}-${pid}-${startedAt}-`));
}

/** Removes those of processes that are dead. What cannot be removed (another user's) stays. */
export async function sweepLinkDirectories(nowMs: number): Promise<void> {
  const { realm } = await ownOwner();
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const owner = ownerOf(name);
    if (owner === null) continue;
    const path = join(tmpdir(), name);
    const madeMs = await stat(path).then(({ mtimeMs }) => mtimeMs, () => nowMs); // gone meanwhile
    const isLeft = owner.realm === realm ? (await startOf(owner.pid)) !== owner.startedAt : nowMs - madeMs > KEPT_MS;
    if (isLeft) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Null: no name of ours (pure). */
export function ownerOf(name: string): LinkOwner | null {
  const [, realm, pid, startedAt] = /^bw-bkup-rclone-([0-9a-f]+\.\d*)-(\d+)-(\d+)-[A-Za-z0-9]{6}$/.exec(name) ?? [];
  return realm === undefined || pid === undefined || startedAt === undefined ? null : { realm, pid: Number(pid), startedAt };
}

async function ownOwner(): Promise<LinkOwner> {
  const { bootId, pidNamespace, pid, startedAt } = await ownIdentity();
  return { realm: `${bootId.replaceAll('-', '').slice(0, 12) || '0'}.${/\d+/.exec(pidNamespace)?.[0] ?? ''}`, pid, startedAt: startedAt || '0' };
}
