import { z } from 'zod';
import { bytePath, utf8OrNull, type BytePath } from './byte-path.js';

/** A path in JSON: text where it is valid UTF-8, else its bytes, so that no name is lost. */
export const pathJsonSchema = z.union([z.string(), z.strictObject({ b64: z.base64() })]);
export type PathJson = z.infer<typeof pathJsonSchema>;

export function toPathJson(path: BytePath): PathJson {
  return utf8OrNull(path) ?? { b64: bytePath.toBuffer(path).toString('base64') };
}

export function fromPathJson(json: PathJson): BytePath {
  return typeof json === 'string' ? bytePath.fromText(json) : bytePath.fromBuffer(Buffer.from(json.b64, 'base64'));
}
