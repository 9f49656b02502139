import { decodeTime } from 'ulid';
import { BLOCK, END_BYTES, tarHeader, tarPadding } from './tar.js';
import { bundleId } from './names.js';

/** One file of a bundle, as it is known before. */
export interface BundlePart {
  /** `BASEPATH/BACKUP/FILE`: what unpacking gives. */
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha512: string;
}

/** A part and where its content begins. */
export type PlacedPart<P extends BundlePart = BundlePart> = P & { readonly offset: number };

export interface BundleLayout<P extends BundlePart = BundlePart> {
  readonly parts: readonly PlacedPart<P>[];
  /** Last member of the bundle, for people: a line per part. */
  readonly toc: { readonly name: string; readonly content: Buffer };
  /** Of the whole object. */
  readonly bytes: number;
  /** Of every member, seconds: when the bundle got its name. */
  readonly mtime: number;
}

const TOC_HEADER = '#offset\tbytes\tsha512\tname\n';

/** Where everything will lie in a bundle of this name (pure): the same parts in the same order give the same object. */
export function layOutBundle<P extends BundlePart>(object: string, parts: readonly P[]): BundleLayout<P> {
  const mtime = Math.floor(decodeTime(bundleId(object)) / 1000);
  const placed: PlacedPart<P>[] = [];
  let at = 0;
  for (const part of parts) {
    const offset = at + tarHeader(part, mtime).length;
    placed.push({ ...part, offset });
    at = offset + part.bytes + tarPadding(part.bytes).length;
  }
  const content = Buffer.from(TOC_HEADER + placed.map(({ offset, bytes, sha512, name }) => `${offset}\t${bytes}\t${sha512}\t${name}\n`).join(''));
  const toc = { name: `${object}.toc`, content };
  at += tarHeader({ name: toc.name, bytes: content.length }, mtime).length + content.length + tarPadding(content.length).length;
  return { parts: placed, toc, bytes: at + END_BYTES, mtime };
}

/** What a part takes in a bundle, at least (pure). */
export function bytesInBundle(bytes: number): number {
  return BLOCK + bytes + tarPadding(bytes).length;
}
