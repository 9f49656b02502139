import { BwError } from '../../errors/bw-error.js';

/** Where a collection shows a directory of hosts. */
export interface SourceMap {
  /** null: of every host that has none of its own for this directory. */
  readonly host: string | null;
  /** Local, absolute. */
  readonly dir: string;
  readonly collection: string;
  /** The same directory as the collection shows it, absolute. */
  readonly path: string;
}

export interface MappedFile {
  readonly collection: string;
  readonly path: string;
}

/** A local file of this host as its collection shows it (pure): the longest directory counts, then one for this host alone. Throws GLOBUS_PATH_UNMAPPED. */
export function mapFile(sources: readonly SourceMap[], host: string, file: string, lts: string): MappedFile {
  const fitting = sources.filter((source) => (source.host === null || source.host === host) && below(source.dir, file) !== null);
  const [best] = fitting.sort((a, b) => b.dir.length - a.dir.length || Number(a.host === null) - Number(b.host === null));
  const rest = best === undefined ? null : below(best.dir, file);
  if (best === undefined || rest === null) throw unmapped(file, host, lts);
  return { collection: best.collection, path: joinPath(best.path, rest) };
}

/** Whether a collection shows a file of this host (pure). */
export function isMapped(sources: readonly SourceMap[], host: string, file: string): boolean {
  return sources.some((source) => (source.host === null || source.host === host) && below(source.dir, file) !== null);
}

/** Path of `name` below a directory of a collection. */
export function joinPath(dir: string, name: string): string {
  if (name === '') return dir;
  return dir.endsWith('/') ? `${dir}${name}` : `${dir}/${name}`;
}

function below(dir: string, file: string): string | null {
  const prefix = dir.endsWith('/') ? dir : `${dir}/`;
  return file.startsWith(prefix) ? file.slice(prefix.length) : null;
}

function unmapped(file: string, host: string, lts: string): BwError {
  return new BwError('GLOBUS_PATH_UNMAPPED', {
    message: 'no Globus collection is configured that shows this file',
    retry: 'operator',
    subject: file,
    hint: `Add an entry to lts[].globus.sources for the staging directory of ${host}: {host, dir, collection, path}.`,
    lts,
  });
}
