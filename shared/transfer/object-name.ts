import { createHash } from 'node:crypto';
import { BwError } from '../errors/bw-error.js';

/** Between an object's name and what tells one putter's unfinished file from another's. */
export const PART_MARK = '.part-';

/** 255 bytes is what filesystems allow for a name; the rest is room for the part suffix. */
const MAX_COMPONENT_LENGTH = 190;
const COMPONENT = /^[A-Za-z0-9._-]+$/;
const PLAIN_KEY = /^[A-Za-z0-9_-]{1,40}$/;

/** Throws OBJECT_NAME_INVALID unless the name is relative, plain, not reserved, and short enough for any filesystem. */
export function assertObjectName(object: string): void {
  const fault = findFault(object);
  if (fault === null) return;
  throw new BwError('OBJECT_NAME_INVALID', {
    message: `an object in long-term storage cannot have this name: ${fault}`,
    subject: JSON.stringify(object),
    retry: 'permanent',
    hint: 'Names are A-Z a-z 0-9 . _ - in components joined by /. This is a fault in bw-bkup or in a manifest: report it.',
  });
}

function findFault(object: string): string | null {
  for (const component of object.split('/')) {
    if (!COMPONENT.test(component)) return 'empty component or character outside A-Z a-z 0-9 . _ -';
    if (component === '.' || component === '..') return 'component . or ..';
    if (component.includes(PART_MARK)) return `${PART_MARK} is reserved for unfinished objects`;
    if (component.length > MAX_COMPONENT_LENGTH) return `component longer than ${MAX_COMPONENT_LENGTH}`;
  }
  return null;
}

/** True for names of unfinished objects, which list, stat and fetch never show. */
export function isPartName(name: string): boolean {
  return name.includes(PART_MARK);
}

/** A transfer key as part of a file name: itself where it is plain and short, else a digest of it. */
export function partTag(key: string): string {
  return PLAIN_KEY.test(key) ? key : createHash('sha256').update(key).digest('hex').slice(0, 32);
}
