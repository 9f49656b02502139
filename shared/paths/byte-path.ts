declare const brand: unique symbol;
/**
 * A path as the kernel sees it: bytes, one per UTF-16 unit (latin1). Such strings keep every
 * byte, compare in byte order with `<`, and are cheaper than Buffers as Map keys.
 */
export type BytePath = string & { readonly [brand]: 'BytePath' };

export const bytePath = {
  /** From bytes (a Buffer read from a program's output). */
  fromBuffer: (bytes: Buffer): BytePath => bytes.toString('latin1') as BytePath,
  /** From an ordinary JavaScript string (config file, command line), encoded as UTF-8. */
  fromText: (text: string): BytePath => Buffer.from(text, 'utf8').toString('latin1') as BytePath,
  /** Bytes for fs calls and programs. */
  toBuffer: (path: BytePath): Buffer => Buffer.from(path, 'latin1'),
  /** Marks a latin1 string that was cut out of another BytePath. */
  of: (latin1: string): BytePath => latin1 as BytePath,
  join: (...parts: readonly BytePath[]): BytePath => parts.filter((p) => p !== '').join('/') as BytePath,
};

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The UTF-8 text of a path, or null where its bytes are not valid UTF-8. */
export function utf8OrNull(path: BytePath): string | null {
  try {
    return decoder.decode(bytePath.toBuffer(path));
  } catch {
    return null;
  }
}

/** One printable line for people: control characters and invalid bytes as \xNN, never a raw newline. */
export function showPath(path: BytePath): string {
  const utf8 = utf8OrNull(path);
  const escaped = (utf8 ?? path).replace(/\\/g, '\\\\');
  const oneLine = escaped.replace(/[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029]/g, hexEscape);
  return utf8 === null ? oneLine.replace(/[\x80-\xff]/g, hexEscape) : oneLine;
}

function hexEscape(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** The path that showPath shows like this: so names that are not UTF-8, or hold control characters, can be typed. (C1 control characters excepted.) */
export function unshowPath(shown: string): BytePath {
  const bytes = bytePath.fromText(shown).replace(/\\(?:x([0-9a-f]{2})|\\)/g, (_, hex?: string) => (hex === undefined ? '\\' : String.fromCharCode(Number.parseInt(hex, 16))));
  return bytes as BytePath;
}
