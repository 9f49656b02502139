import { bytePath, showPath, type BytePath } from '../paths/byte-path.js';

/** What may stand between a path and the reason: `Error while saving PATH: reason`, `Error reading inode of file PATH : reason`. */
const SEPARATOR = / ?: /g;

/**
 * Finds what dar said about a path. A path may itself look like `PATH: reason`, so every reading of a line counts; it only
 * decides how an exception is worded and that a path is not tried again.
 * `lines`: dar's error lines, raw bytes. `root`: what dar was given as root; messages hold absolute paths.
 */
export function messageLookup(lines: readonly Uint8Array[], root: BytePath): (path: BytePath) => string | null {
  const messages = new Map<string, string>();
  const prefix = `${root}/`;
  for (const bytes of lines) {
    const line = bytePath.fromBuffer(Buffer.from(bytes));
    const start = line.indexOf(prefix);
    if (start === -1) continue;
    const rest = line.slice(start + prefix.length);
    for (const { index } of rest.matchAll(SEPARATOR)) remember(messages, rest.slice(0, index), line);
    remember(messages, rest, line);
  }
  return (path) => messages.get(path) ?? null;
}

function remember(messages: Map<string, string>, path: string, line: string): void {
  if (!messages.has(path)) messages.set(path, showPath(bytePath.of(line.trim())));
}
