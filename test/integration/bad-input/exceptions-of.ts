import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Catalog, Manifest } from '../../../shared/catalog/index.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson, pathJsonSchema } from '../../../shared/paths/path-json.js';

const lineSchema = z.strictObject({ path: pathJsonSchema, reason: z.string(), detail: z.string() });

export interface NamedException {
  /** As shown to people. */
  readonly path: string;
  readonly reason: string;
  readonly detail: string;
}

/** The exceptions file of a sealed backup, sorted by path; [] when the manifest names none. */
export async function exceptionsOf(catalog: Catalog, manifest: Manifest): Promise<NamedException[]> {
  if (manifest.exceptions === null) return [];
  const text = await readFile(catalog.file(manifest, manifest.exceptions), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '').map((line) => lineSchema.parse(JSON.parse(line)));
  return lines.map((line) => ({ ...line, path: showPath(fromPathJson(line.path)) })).sort((a, b) => (a.path < b.path ? -1 : 1));
}
