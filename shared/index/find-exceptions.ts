import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { BytePath } from '../paths/byte-path.js';
import { fromPathJson, pathJsonSchema } from '../paths/path-json.js';

const lineSchema = z.object({ path: pathJsonSchema, reason: z.string(), detail: z.string() });

/**
 * Why a path is an exception of a backup, from the file that names them; null when it is none. A directory that could not be listed is a reason for all
 * below it; one for the path itself counts more. Streams.
 */
export async function findException(file: string, path: BytePath): Promise<string | null> {
  let found: string | null = null;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const { path: json, reason, detail } = lineSchema.parse(JSON.parse(line));
    const named = fromPathJson(json);
    const text = detail === '' ? reason : `${reason} (${detail})`;
    if (named === path) return text;
    if (reason === 'directory could not be listed' && (named === '.' || path.startsWith(`${named}/`))) found = `${named === '.' ? 'the basepath' : 'a directory above'}: ${text}`;
  }
  return found;
}
