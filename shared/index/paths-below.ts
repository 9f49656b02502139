import type { BytePath } from '../paths/byte-path.js';

/** Whether a path is one of `paths` or below one of them; `.` means everything. */
export function isAtOrBelow(paths: Iterable<BytePath>): (path: BytePath) => boolean {
  const wanted = new Set<string>(paths);
  const all = wanted.has('.');
  return (path) => {
    if (all || wanted.has(path)) return true;
    for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) if (wanted.has(path.slice(0, cut))) return true;
    return false;
  };
}
