import type { ObjectLocation } from '../../../shared/catalog/index.js';
import type { Part } from '../../../shared/copies/copy-state.js';
import { remadeObject } from '../../../shared/copies/named.js';
import type { Copying } from './copy-job.js';
import { forgetSent } from './forget-sent.js';

/** A part, and the object it becomes; `there`: it lies there already, as sound as can be. */
export interface NamedPart {
  readonly part: Part;
  readonly object: string;
  readonly there: ObjectLocation | null;
}

/**
 * The names missing parts get in an LTS: their own, unless something else lies there under it, which nobody replaces. What an earlier start, or a transfer that
 * was left out, has brought is taken as it is, when it is proven.
 */
export async function chooseNames(copying: Copying, parts: readonly Part[]): Promise<NamedPart[]> {
  const { manifest: { basepathId, backupId }, target, run } = copying;
  const prefix = `${basepathId}/${backupId}`;
  const there = new Map<string, number>();
  for await (const { object, bytes } of target.list(prefix)) there.set(object, bytes);
  const named: NamedPart[] = [];
  for (const part of parts) {
    run.signal.throwIfAborted();
    for (let number = 0; ; number++) {
      const object = number === 0 ? `${prefix}/${part.name}` : remadeObject(prefix, number, part.name);
      const bytes = there.get(object);
      const { sha512 } = part;
      const isFree = bytes === undefined;
      const isSound = !isFree && bytes === part.bytes && (await target.verify({ object, file: '', bytes, sha512 }, { signal: run.signal })) === 'match';
      if (!isFree && !isSound) continue;
      named.push({ part, object, there: isSound ? { object, offset: 0, length: part.bytes } : null });
      break;
    }
  }
  await forgetSent(copying, named.flatMap((each) => (each.there === null ? [each.object] : [])));
  return named;
}
