import type { FileType } from '../index/record.js';
import { bytePath, type BytePath } from '../paths/byte-path.js';

/** One entry of an archive's catalogue. */
export interface CatalogueEntry {
  /** Relative to the archive's root, no leading `./`. */
  readonly path: BytePath;
  /** For removed entries: the type dar recorded. */
  readonly type: FileType;
  /** Bytes, decimal; '' unless it is a regular file. */
  readonly size: string;
  /** Whole seconds; '' where dar gives none (ctime of removed entries). */
  readonly mtime: string;
  readonly ctime: string;
  /** Extended attributes (ACLs are some) are saved, or referenced. */
  readonly hasEa: boolean;
  /** Changed while it was read. */
  readonly dirty: boolean;
  /** A removal, not content. */
  readonly removed: boolean;
  /** dar's word: saved, referenced (isolated catalogue), deleted, inode-only, ... */
  readonly data: string;
  readonly hardlinked: boolean;
  /** Only where asked for: backups know it from their index. */
  readonly inode?: InodeFacts;
}

export interface InodeFacts {
  /** As dar shows them, `rwsr-x---`. */
  readonly permissions: string;
  /** Names where this host knows them, else numbers. */
  readonly user: string;
  readonly group: string;
}

/** What was read is not a catalogue listing; the message says why. */
export class CatalogueSyntaxError extends Error {}

interface OpenEntry {
  name: string;
  type: FileType;
  size: string;
  dirty: boolean;
}

/** null: the type stands in an attribute. */
const ENTITY_TYPES: ReadonlyMap<string, FileType | null> = new Map<string, FileType | null>([
  ['Directory', 'd'],
  ['File', 'f'],
  ['Symlink', 'l'],
  ['Pipe', 'p'],
  ['Socket', 's'],
  ['Door', 'D'],
  ['Device', null],
]);
const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&quot;': '"', '&apos;': "'" };

/**
 * Parses `dar -l -Txml -ay`, as bytes in latin1 strings, across chunk borders. dar escapes `<`, `>`, `&`, `"` and `'`
 * and nothing else (newlines and control characters stand raw), so the first `>` after `<` ends a tag and the
 * first `"` a value: no name can forge an entry. Written by hand: 200,000 entries are 66 MB of XML.
 */
export class CatalogueParser {
  #rest = '';
  /** Directory prefixes, each with its slash; the last is the current one. */
  readonly #prefixes: string[] = [''];
  #open: OpenEntry | null = null;
  #started = false;
  #complete = false;

  /** `inodes`: with owners and permissions. */
  constructor(readonly options: { readonly inodes?: boolean } = {}) {}

  /** Entries whose description ends in this chunk. Throws CatalogueSyntaxError. */
  push(chunk: Buffer): CatalogueEntry[] {
    const text = this.#rest + chunk.toString('latin1');
    const entries: CatalogueEntry[] = [];
    let position = 0;
    for (let start = text.indexOf('<'); start >= 0; start = text.indexOf('<', position)) {
      const end = text.indexOf('>', start);
      if (end < 0) {
        this.#rest = text.slice(start);
        return entries;
      }
      const entry = this.#tag(text.slice(start + 1, end));
      if (entry !== null) entries.push(entry);
      position = end + 1;
    }
    this.#rest = '';
    return entries;
  }

  /** Throws CatalogueSyntaxError unless the catalogue came to its end. */
  finish(): void {
    if (!this.#complete) throw new CatalogueSyntaxError('the listing ends before </Catalog>');
  }

  #tag(tag: string): CatalogueEntry | null {
    const blank = tag.indexOf(' ');
    const word = blank < 0 ? tag : tag.slice(0, blank);
    if (word === 'Attributes') return this.#close(tag);
    if (word === '/Directory') this.#leave();
    else if (word === '/Catalog') this.#end();
    else if (word === 'Catalog') this.#started = true;
    else if (ENTITY_TYPES.has(word)) this.#begin(word, tag);
    else if (!/^[/?!]/.test(word)) throw new CatalogueSyntaxError(`unknown element ${word.slice(0, 40)}`);
    return null;
  }

  #begin(word: string, tag: string): void {
    if (this.#open !== null || !this.#started || this.#complete) throw new CatalogueSyntaxError(`misplaced ${word}`);
    const name = unescape(attribute(tag, ' name="'));
    if (name === '' || name === '.' || name === '..' || name.includes('/')) throw new CatalogueSyntaxError(`${word} with an impossible name`);
    const type = ENTITY_TYPES.get(word) ?? deviceType(attribute(tag, ' type="'));
    const isFile = type === 'f';
    this.#open = { name, type, size: isFile ? attribute(tag, ' size="') : '', dirty: isFile && tag.includes(' dirty="yes"') };
  }

  #close(tag: string): CatalogueEntry {
    const open = this.#open;
    if (open === null) throw new CatalogueSyntaxError('attributes without an entry');
    this.#open = null;
    const data = attribute(tag, ' data="');
    const metadata = attribute(tag, ' metadata="');
    const path = (this.#prefixes.at(-1) ?? '') + open.name;
    if (open.type === 'd') this.#prefixes.push(`${path}/`);
    return {
      path: bytePath.of(path),
      type: open.type,
      size: open.size,
      mtime: attribute(tag, ' mtime="'),
      ctime: attribute(tag, ' ctime="'),
      hasEa: metadata === 'saved' || metadata === 'referenced',
      dirty: open.dirty,
      removed: data === 'deleted',
      data,
      hardlinked: tag.includes(' permissions="*'),
      ...(this.options.inodes === true ? { inode: inodeOf(tag) } : {}),
    };
  }

  #leave(): void {
    if (this.#prefixes.length < 2 || this.#open !== null) throw new CatalogueSyntaxError('misplaced end of a directory');
    this.#prefixes.pop();
  }

  #end(): void {
    if (!this.#started || this.#prefixes.length !== 1 || this.#open !== null) throw new CatalogueSyntaxError('misplaced end of the catalogue');
    this.#complete = true;
  }
}

function inodeOf(tag: string): InodeFacts {
  return { permissions: attribute(tag, ' permissions="').slice(2), user: unescape(attribute(tag, ' user="')), group: unescape(attribute(tag, ' group="')) };
}

/** Value after a label such as ` name="`; '' where it is absent. */
function attribute(tag: string, label: string): string {
  const found = tag.indexOf(label);
  if (found < 0) return '';
  const from = found + label.length;
  return tag.slice(from, tag.indexOf('"', from));
}

function deviceType(word: string): FileType {
  if (word === 'block') return 'b';
  if (word === 'character') return 'c';
  throw new CatalogueSyntaxError(`unknown device type ${word.slice(0, 40)}`);
}

function unescape(text: string): string {
  return text.includes('&') ? text.replace(/&[^;]*;?/g, decodeEntity) : text;
}

function decodeEntity(entity: string): string {
  const known = ENTITIES[entity];
  if (known !== undefined) return known;
  throw new CatalogueSyntaxError(`unknown entity ${entity.slice(0, 40)}`);
}
