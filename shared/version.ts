import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Version of this software, from package.json: beside the sources in a checkout, two levels up from dist/shared. */
export const BW_BKUP_VERSION: string = findVersion(['../package.json', '../../package.json']);

function findVersion(candidates: readonly string[]): string {
  for (const candidate of candidates) {
    try {
      const json: unknown = JSON.parse(readFileSync(new URL(candidate, import.meta.url), 'utf8'));
      return z.object({ name: z.literal('bw-bkup'), version: z.string() }).parse(json).version;
    } catch {
      continue; // not here: the next candidate
    }
  }
  return 'unknown';
}
