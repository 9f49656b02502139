import type { SourceMap } from './path-map.js';
import type { Tasks } from './tasks.js';

/** A long-term storage behind a collection, as seen from one host. */
export interface Place {
  readonly lts: string;
  readonly host: string;
  readonly tasks: Tasks;
  readonly collection: string;
  /** Directory of the LTS in the collection, absolute. */
  readonly dir: string;
  readonly sources: readonly SourceMap[];
  /** Local, below one of the sources: what is verified, or written to a restore kit, passes through here. */
  readonly scratchDir: string;
  /** staging.group: of the user the collection maps us to; null or absent = we are nobody else there. */
  readonly group?: number | null;
}
