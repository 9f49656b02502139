import { bytePath, type BytePath } from './byte-path.js';

/** Every directory above a relative path, the topmost first; none of a path without `/` (pure). */
export function ancestorsOf(path: BytePath): BytePath[] {
  const ancestors: BytePath[] = [];
  for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) ancestors.push(bytePath.of(path.slice(0, cut)));
  return ancestors;
}
