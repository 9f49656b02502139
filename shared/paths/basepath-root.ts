import { BwError } from '../errors/bw-error.js';
import { bytePath, showPath, type BytePath } from './byte-path.js';

export interface TopdirPaths {
  readonly path: string;
  readonly readFrom: string | null;
  readonly depth: number;
}

/** Path below the topdir. Throws PATH_OUTSIDE_TOPDIR unless it is exactly one of the topdir's basepaths by depth. */
export function relativeToTopdir(topdir: TopdirPaths, path: BytePath): BytePath {
  const prefix = `${bytePath.fromText(topdir.path)}/`;
  const relative = path.startsWith(prefix) ? path.slice(prefix.length) : '';
  const parts = relative.split('/');
  const harmless = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!harmless || parts.length !== topdir.depth) throw outside(topdir, path);
  return bytePath.of(relative);
}

/** Where a basepath is read: below readFrom (a snapshot, say) when the topdir has one. */
export function readRoot(topdir: TopdirPaths, path: BytePath): BytePath {
  const relative = relativeToTopdir(topdir, path);
  return bytePath.join(bytePath.fromText(topdir.readFrom ?? topdir.path), relative);
}

/**
 * Where a topdir as a whole is looked at, such as for its sentinel: where it is read from, but for a snapshot that the before hook makes, which is there only while it is
 * needed. Then it is the live directory.
 */
export function topdirRoot({ path, readFrom, hooks }: Pick<TopdirPaths, 'path' | 'readFrom'> & { readonly hooks: { readonly before: unknown } }): string {
  return hooks.before === null ? (readFrom ?? path) : path;
}

function outside(topdir: TopdirPaths, path: BytePath): BwError {
  return new BwError('PATH_OUTSIDE_TOPDIR', {
    message: `not a basepath of topdir ${topdir.path} (depth ${topdir.depth})`,
    subject: showPath(path),
    retry: 'permanent',
    hint: 'Name a directory exactly `depth` levels below a configured topdir.',
  });
}
