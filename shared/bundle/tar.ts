/** Of everything in a tar: headers, and what contents are padded to. */
export const BLOCK = 512;
/** Two empty blocks end a tar. */
export const END_BYTES = 2 * BLOCK;
/** Of the size field: 11 octal digits. Bigger ones stand in a pax header. */
const OCTAL_LIMIT = 8 ** 11;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** A regular file in a tar. Names are of plain ASCII letters without a leading slash. */
export interface TarEntry {
  readonly name: string;
  readonly bytes: number;
}

/**
 * What stands before the content of a file (pure): a ustar header, and a pax header before it where name or size do not fit. The same entry and
 * time give the same bytes, so that a bundle that is made again after a crash is the same object. `mtime`: seconds since the epoch.
 */
export function tarHeader({ name, bytes }: TarEntry, mtime: number): Buffer {
  const split = splitName(name);
  const pax = [...(split === null ? [paxRecord('path', name)] : []), ...(bytes >= OCTAL_LIMIT ? [paxRecord('size', String(bytes))] : [])].join('');
  const fits = split ?? { prefix: '', name: name.slice(-NAME_BYTES) };
  const own = block({ ...fits, bytes: bytes < OCTAL_LIMIT ? bytes : 0, type: '0', mtime });
  if (pax === '') return own;
  const extended = block({ prefix: '', name: 'pax', bytes: pax.length, type: 'x', mtime });
  return Buffer.concat([extended, Buffer.from(pax, 'latin1'), tarPadding(pax.length), own]);
}

/** Zeros up to the next block. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK);
}

interface Fields {
  readonly prefix: string;
  readonly name: string;
  readonly bytes: number;
  readonly type: '0' | 'x';
  readonly mtime: number;
}

function block({ prefix, name, bytes, type, mtime }: Fields): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 'latin1');
  header.write(`${octal(0o600, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(bytes, 11)}\0${octal(mtime, 11)}\0`, 100, 'latin1');
  header.write(`        ${type}`, 148, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(prefix, 345, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return header;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** At a slash, into what fits the two fields of ustar; null when nothing does. */
function splitName(name: string): { prefix: string; name: string } | null {
  if (name.length <= NAME_BYTES) return { prefix: '', name };
  for (let at = name.indexOf('/'); at !== -1 && at <= PREFIX_BYTES; at = name.indexOf('/', at + 1)) {
    if (name.length - at - 1 <= NAME_BYTES) return { prefix: name.slice(0, at), name: name.slice(at + 1) };
  }
  return null;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}
