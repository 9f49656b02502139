/** Beside a file of the bundle: of each of its lines the source file, as a number in `files`, or -1. */
export interface Sources {
  /** Relative to the project. */
  readonly files: readonly string[];
  readonly lines: readonly number[];
}

export function sourcesFile(javaScript: string): string {
  return `${javaScript}.sources.json`;
}
