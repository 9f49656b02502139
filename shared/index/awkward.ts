import { bytePath, type BytePath } from '../paths/byte-path.js';

/**
 * The part of a path that dar must be given by `-g` instead of a list line, or null if a list can carry it: down to the
 * topmost component that holds a newline, or ends in a carriage return (dar strips it at a line's end). `-g` takes
 * the whole subtree, so everything below is part of the same unit.
 */
export function awkwardUnit(path: BytePath): BytePath | null {
  if (!mayBeAwkward(path)) return null;
  let start = 0;
  while (start <= path.length) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    const component = path.slice(start, end);
    if (component.includes('\n') || component.endsWith('\r')) return bytePath.of(path.slice(0, end));
    start = end + 1;
  }
  return null;
}

/** Quick: false means that a list can carry any path this is part of. */
export function mayBeAwkward(part: string): boolean {
  return part.includes('\n') || part.includes('\r');
}
