const HIDDEN = '***';
const SECRET_NAME = /^(?:.*[-_.])?(?:password|passphrase|passwd|secret|token|authorization|cookie|credentials?)$/i;
const CAMEL_SECRET_NAME = /(?:Password|Passphrase|Secret|Token)$/;
/** Deeper objects than this are not our log fields. */
const MAX_DEPTH = 6;

/** Log fields with the values of secret-like names hidden, at any depth. `tokenFile` and the like name files, not secrets. */
export function hideSecretFields(fields: Record<string, unknown>): Record<string, unknown> {
  return hideIn(fields, 0);
}

function hideIn(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, isSecretName(name) && value !== null && value !== undefined ? HIDDEN : hide(value, depth)]));
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) || CAMEL_SECRET_NAME.test(name);
}

function hide(value: unknown, depth: number): unknown {
  if (depth >= MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((entry) => hide(entry, depth + 1));
  return isPlainObject(value) ? hideIn(value, depth + 1) : value;
}

/** Errors, buffers and the like go to their serializers as they are. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A finished line without the passwords of URLs, whatever field, message or stack they came in. */
export function maskSecretText(line: string): string {
  if (!line.includes('://')) return line;
  return line.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:@/"\\]*):[^\s"\\]*@/gi, `$1:${HIDDEN}@`);
}
