const PIECE_BYTES = 256 * 1024;
/** Most writers get a few lines: a first piece of this size, then larger ones. */
const FIRST_BYTES = 4 * 1024;

/**
 * Collects lines as bytes. Writing each line straight into a buffer costs a third of joining strings first, and leaves
 * nothing for the garbage collector.
 */
export class LineBuffer {
  readonly #terminator: number;
  #full: Buffer[] = [];
  #fullBytes = 0;
  #buffer = Buffer.allocUnsafeSlow(0);
  #used = 0;
  #nextBytes = FIRST_BYTES;

  /** `terminator`: byte after each line. */
  constructor(terminator = 0) {
    this.#terminator = terminator;
  }

  /** Bytes collected. */
  get length(): number {
    return this.#fullBytes + this.#used;
  }

  /** `line`: latin1. */
  add(line: string): void {
    const end = this.#used + line.length;
    if (end >= this.#buffer.length) {
      this.#grow(line.length + 1);
      this.add(line);
      return;
    }
    this.#buffer.write(line, this.#used, 'latin1');
    this.#buffer[end] = this.#terminator;
    this.#used = end + 1;
  }

  /** Complete lines with their terminators. The bytes are not copied. */
  addBytes(bytes: Buffer): void {
    this.#shelve();
    this.#full.push(bytes);
    this.#fullBytes += bytes.length;
  }

  /** Everything collected, in pieces; the buffer is empty afterwards. */
  take(): Buffer[] {
    this.#shelve();
    const pieces = this.#full;
    this.#full = [];
    this.#fullBytes = 0;
    return pieces;
  }

  #grow(atLeast: number): void {
    this.#shelve();
    if (this.#buffer.length >= atLeast) return;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(this.#nextBytes, atLeast));
    this.#nextBytes = Math.min(this.#nextBytes * 4, PIECE_BYTES);
  }

  /** Puts the used part of the buffer aside; what is left of it is used on. */
  #shelve(): void {
    if (this.#used === 0) return;
    this.#full.push(this.#buffer.subarray(0, this.#used));
    this.#fullBytes += this.#used;
    this.#buffer = this.#buffer.subarray(this.#used);
    this.#used = 0;
  }
}
