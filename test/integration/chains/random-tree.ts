import { chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { run } from '../../../shared/process/index.js';

/** Repeatable random numbers (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to n - 1. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.below(items.length)];
  }
}

/** Names that are hard on programs; Buffers because not all are text. */
const NAMES = ['a', 'b', 'c', 'data.txt', 'dir', 'x-y', '-dash', ' blank ', 'new\nline', 'cr\r', '#hash', 'q"\'`\\', '*', 'caf\u00e9'].map((name) => Buffer.from(name)).concat(Buffer.from([0xff, 0x2e, 0x80]));

/** A tree of one basepath, changed at random. Paths are Buffers. */
export class RandomTree {
  readonly #random: Random;

  constructor(
    readonly root: string,
    random: Random,
  ) {
    this.#random = random;
  }

  make(): void {
    mkdirSync(this.root);
    for (let i = 0; i < 12; i++) this.#add();
  }

  /** A handful of changes of any kind. */
  async change(): Promise<void> {
    const kinds: readonly (() => void | Promise<void>)[] = [
      () => { this.#add(); },
      () => { this.#rewrite(); },
      () => { this.#remove(); },
      () => { this.#rename(); },
      () => { this.#swap(); },
      () => { this.#link(); },
      () => { this.#retype(); },
      () => { this.#mode(); },
      () => { this.#oldTime(); },
      () => this.#attributes(),
    ];
    const changes = this.#random.below(5);
    for (let i = 0; i < changes; i++) await this.#random.pick(kinds)?.();
    if (this.#list().length === 0) this.#add(); // an emptied basepath is an error, and has its own tests
  }

  /** All paths, directories before what is in them. */
  #list(): { path: Buffer; type: 'd' | 'f' | 'o' }[] {
    const found: { path: Buffer; type: 'd' | 'f' | 'o' }[] = [];
    const visit = (dir: Buffer): void => {
      for (const name of readdirSync(dir, { encoding: 'buffer' }).sort((a, b) => a.compare(b))) {
        const path = join(dir, name);
        const info = lstatSync(path);
        found.push({ path, type: info.isDirectory() ? 'd' : info.isFile() ? 'f' : 'o' });
        if (info.isDirectory()) visit(path);
      }
    };
    visit(Buffer.from(this.root));
    return found;
  }

  #some(type: 'd' | 'f'): Buffer | undefined {
    return this.#random.pick(this.#list().filter((each) => each.type === type))?.path;
  }

  #directory(): Buffer {
    const directories = [Buffer.from(this.root), ...this.#list().filter(({ type }) => type === 'd').map(({ path }) => path)];
    const shallow = directories.filter((path) => path.toString('latin1').split('/').length < this.root.split('/').length + 4);
    return this.#random.pick(shallow) ?? Buffer.from(this.root);
  }

  /** A name that is free in a directory, or null. */
  #free(dir: Buffer): Buffer | null {
    const path = join(dir, this.#random.pick(NAMES) ?? Buffer.from('a'));
    return exists(path) ? null : path;
  }

  #content(): string {
    return `${this.#random.below(1_000_000)} `.repeat(1 + this.#random.below(40));
  }

  #add(): void {
    const path = this.#free(this.#directory());
    if (path === null) return;
    const kind = this.#random.below(10);
    if (kind < 4) mkdirSync(path);
    else if (kind < 9) writeFileSync(path, this.#content());
    else symlinkSync(`to/${this.#random.below(100)}`, path);
  }

  #rewrite(): void {
    const path = this.#some('f');
    if (path !== undefined) writeFileSync(path, this.#content());
  }

  #remove(): void {
    const path = this.#random.pick(this.#list())?.path;
    if (path !== undefined) rmSync(path, { recursive: true });
  }

  #rename(): void {
    const path = this.#random.pick(this.#list())?.path;
    if (path === undefined) return;
    const dir = this.#directory();
    const target = this.#free(dir);
    if (target !== null && !isBelow(target, path)) renameSync(path, target);
  }

  #swap(): void {
    const [one, two] = [this.#some('d'), this.#some('d')];
    if (one === undefined || two === undefined || one.equals(two) || isBelow(one, two) || isBelow(two, one)) return;
    const aside = Buffer.concat([Buffer.from(this.root), Buffer.from('/aside')]);
    renameSync(one, aside);
    renameSync(two, one);
    renameSync(aside, two);
  }

  #link(): void {
    const path = this.#some('f');
    const target = this.#free(this.#directory());
    if (path !== undefined && target !== null) linkSync(path, target);
  }

  #retype(): void {
    const entry = this.#random.pick(this.#list());
    if (entry === undefined) return;
    rmSync(entry.path, { recursive: true });
    const kind = this.#random.below(3);
    if (kind === 0) symlinkSync('elsewhere', entry.path);
    else if (entry.type === 'd' || kind === 1) writeFileSync(entry.path, this.#content());
    else {
      mkdirSync(entry.path);
      writeFileSync(join(entry.path, Buffer.from('inner')), this.#content());
    }
  }

  #mode(): void {
    const entry = this.#random.pick(this.#list());
    if (entry === undefined || entry.type === 'o') return;
    chmodSync(entry.path, this.#random.pick([0o600, 0o644, 0o755, 0o700, 0o2750, 0o444]) ?? 0o600);
    if (process.getuid?.() === 0) chownSync(entry.path, this.#random.below(3), this.#random.below(3));
  }

  #oldTime(): void {
    const path = this.#some('f');
    if (path !== undefined) utimesSync(path, 1_000_000_000 + this.#random.below(1000), 1_000_000_000 + this.#random.below(1000));
  }

  async #attributes(): Promise<void> {
    const path = this.#random.pick(this.#list().filter(({ type }) => type !== 'o'))?.path;
    if (path === undefined) return;
    const kind = this.#random.below(5);
    if (kind < 2) await run({ program: 'setfattr', args: ['-n', 'user.some', '-v', String(this.#random.below(100)), '--', path] });
    else if (kind < 4) await run({ program: 'setfacl', args: ['-m', `u:${this.#random.below(50) + 1}:r`, '--', path] });
    else await this.#withoutAttributes();
  }

  /** Of everything at once: one path picked at random has seldom any. */
  async #withoutAttributes(): Promise<void> {
    const paths = this.#list().filter(({ type }) => type !== 'o').map(({ path }) => Buffer.concat([path, Buffer.from([0])]));
    if (paths.length === 0) return;
    await run({ program: 'xargs', args: ['-0', 'setfacl', '-b', '-k', '--'] }, { input: Buffer.concat(paths) });
    await run({ program: 'xargs', args: ['-0', 'setfattr', '-h', '-x', 'user.some', '--'] }, { input: Buffer.concat(paths), okCodes: [0, 123] });
  }
}

function join(dir: Buffer, name: Buffer): Buffer {
  return Buffer.concat([dir, Buffer.from('/'), name]);
}

function exists(path: Buffer): boolean {
  return existsSync(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isBelow(path: Buffer, dir: Buffer): boolean {
  return path.equals(dir) || path.subarray(0, dir.length + 1).equals(Buffer.concat([dir, Buffer.from('/')]));
}
