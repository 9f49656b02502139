import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectLocation } from '../../../shared/catalog/index.js';
import type { Part } from '../../../shared/copies/copy-state.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { NO_HASH, type Verdict } from '../../../shared/transfer/backend.js';
import { itemAt } from '../../../shared/transfer/fetch-items.js';
import { hashContent, sameContent } from '../../../shared/transfer/posix/hash-file.js';
import type { Copying } from './copy-job.js';

interface Located {
  readonly part: Part;
  readonly location: ObjectLocation;
}

/** Names of the parts that are on record in the LTS and are not what was stored. Throws what verify and fetch throw, STAGING_TOO_SMALL. */
export async function damagedOf(copying: Copying, parts: readonly Part[]): Promise<Set<string>> {
  const { target, run } = copying;
  const damaged = new Set<string>();
  const note = ({ part, location: { object } }: Located, verdict: Verdict): void => {
    if (verdict === 'match') return;
    if (verdict === 'unknown') throw notProvable(target.name, object);
    damaged.add(part.name);
    run.logger.warn({ lts: target.name, object, part: part.name, verdict }, 'a copy is damaged, and made again');
  };
  const inBundles = new Map<string, Located[]>();
  for (const part of parts) {
    const location = part.locations[target.name];
    if (location === undefined) continue;
    run.signal.throwIfAborted();
    // A backend that does not read parts of bundles would compare the whole object with one.
    if (location.offset > 0 && target.capabilities().rangeRead !== true) inBundles.set(location.object, [...(inBundles.get(location.object) ?? []), { part, location }]);
    else note({ part, location }, await target.verify(itemAt(location, part), { signal: run.signal }));
  }
  for (const [object, inIt] of inBundles) {
    run.signal.throwIfAborted();
    await lookInBundle(copying, object, inIt, note);
  }
  return damaged;
}

/** Of staging, below the copy's own directory. */
const LOOK = 'look';

/** The bundle comes once, whole. */
async function lookInBundle({ context, target, copyId, run: { signal } }: Copying, object: string, inIt: readonly Located[], note: (each: Located, verdict: Verdict) => void): Promise<void> {
  const stored = await target.stat(object);
  if (stored === null) {
    for (const each of inIt) note(each, 'missing');
    return;
  }
  const release = await context.staging.reserve(stored.bytes, { owner: copyId, kind: 'copy', signal });
  try {
    const file = join(await context.staging.createStart(copyId, LOOK, 'putting'), 'bundle.tar');
    await rm(file, { force: true });
    await target.stage([object]);
    await target.fetch({ object, file, bytes: stored.bytes, sha512: NO_HASH }, { signal });
    const bundle = await open(file, 'r');
    try {
      for (const each of inIt) note(each, (await isSound(bundle, each, signal)) ? 'match' : 'mismatch');
    } finally {
      await bundle.close();
    }
  } finally {
    await context.staging.removeStart(copyId, LOOK).finally(release);
  }
}

async function isSound({ fd }: FileHandle, { part, location: { object, offset } }: Located, signal: AbortSignal): Promise<boolean> {
  return sameContent(await hashContent(fd, part.bytes, { signal, subject: object, offset }), part);
}

function notProvable(lts: string, object: string): BwError {
  return new BwError('TRANSFER_VERIFY_MISMATCH', {
    message: 'it cannot be told whether this object is what was stored',
    subject: object,
    lts,
    retry: 'retry',
    hint: 'Look at the storage: bw-bkup breaker list.',
  });
}
