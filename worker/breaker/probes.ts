import { randomBytes } from 'node:crypto';
import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Resource } from '../../shared/breaker/breaker.js';
import { isStamped, missingCatalog } from '../../shared/catalog/stamp.js';
import type { Config } from '../../shared/config/config.js';
import { formatSize } from '../../shared/config/units.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { probeSource } from '../../shared/index/probe-source.js';
import type { TransferBackend } from '../../shared/transfer/backend.js';

/** Looks at things that may be out. */
export interface Probe {
  /** Whether this host has anything to do with it. */
  knows(resource: Resource): boolean;
  /** Rejects with what is wrong. Ends within PROBE_MS, whatever hangs. */
  look(resource: Resource, needsBytes: number): Promise<void>;
}

/** A storage that takes longer for one small file is out, ms. */
const PROBE_MS = 30_000;
/** More than what a full filesystem still takes, as its last blocks. */
const PROBE_BYTES = 256 * 1024;

/** `walkStaging`: through all that lies there, as is done before anybody is given room. */
export function probesOf(config: Pick<Config, 'host' | 'topdirs' | 'catalog' | 'staging'>, backends: readonly TransferBackend[], walkStaging: () => Promise<unknown>): Probe {
  const lookers: Readonly<Record<Resource['kind'], (name: string) => ((needsBytes: number) => Promise<void>) | null>> = {
    lts: (name) => {
      const backend = backends.find((each) => each.name === name);
      return backend === undefined ? null : (needsBytes) => lookAtLts(backend, needsBytes);
    },
    mount: (path) => {
      const topdir = config.topdirs.find((each) => each.path === path);
      return topdir === undefined ? null : () => probeSource(topdir, PROBE_MS);
    },
    catalog: () => () => lookAtCatalog(config.catalog.dir),
    staging: (name) => (name === config.host ? (needsBytes) => lookAtStaging(config.staging.dir, needsBytes, walkStaging) : null),
  };
  return {
    knows: ({ kind, name }) => lookers[kind](name) !== null,
    look: async ({ kind, name }, needsBytes) => {
      const look = lookers[kind](name);
      if (look !== null) await inTime(`${kind} ${name}`, look(needsBytes));
    },
  };
}

async function lookAtLts(backend: TransferBackend, needsBytes: number): Promise<void> {
  const { freeBytes } = await backend.probe();
  if (freeBytes === null || freeBytes >= needsBytes) return;
  throw new BwError('TRANSFER_NO_SPACE', {
    message: 'the long-term storage is full, or our quota there is used up',
    subject: backend.name,
    lts: backend.name,
    detail: `${formatSize(freeBytes)} free, ${formatSize(needsBytes)} needed`,
    retry: 'operator',
    hint: `Make room or raise the quota until at least ${formatSize(needsBytes)} are free: what waits goes on by itself.`,
  });
}

async function lookAtStaging(dir: string, needsBytes: number, walk: () => Promise<unknown>): Promise<void> {
  await writeAndRemove(dir);
  await walk();
  const { bavail, bsize } = await statfs(dir);
  if (bavail * bsize >= needsBytes) return;
  throw new BwError('STAGING_NO_SPACE', {
    message: 'the filesystem of staging is full',
    subject: dir,
    detail: `${formatSize(bavail * bsize)} free, ${formatSize(needsBytes)} needed`,
    retry: 'operator',
    hint: 'See who fills it besides bw-bkup, and `staging.budget`: what waits goes on by itself.',
  });
}

async function lookAtCatalog(dir: string): Promise<void> {
  if (!(await isStamped(dir))) throw missingCatalog(dir);
  await writeAndRemove(dir);
}

/** The names are those of leftovers: a crash in between leaves nothing that anybody takes for more. */
async function writeAndRemove(dir: string): Promise<void> {
  const file = join(dir, `.probe-${randomBytes(8).toString('hex')}.tmp`);
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.write(Buffer.alloc(PROBE_BYTES));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(file, { force: true });
  }
  await statfs(dir);
}

async function inTime(subject: string, looking: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => { reject(noAnswer(subject)); }, PROBE_MS);
  });
  looking.catch(() => undefined); // once it is late nobody waits for it any more
  try {
    await Promise.race([looking, late]);
  } finally {
    clearTimeout(timer);
  }
}

function noAnswer(subject: string): BwError {
  return new BwError('CALL_TIMEOUT', {
    message: `no answer within ${PROBE_MS / 1000} s`,
    subject,
    retry: 'retry',
    hint: 'Is it mounted, and are its servers up? Look at dmesg.',
  });
}
