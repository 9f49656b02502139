import { bytePath, showPath } from '../paths/byte-path.js';

/** A BytePath as one printable line. Text with characters beyond latin1 cannot be a BytePath and is shown as the text it is. */
export function serializePath(path: unknown): unknown {
  if (typeof path !== 'string') return path;
  return showPath(/[^\x00-\xff]/.test(path) ? bytePath.fromText(path) : bytePath.of(path));
}
