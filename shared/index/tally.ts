import type { IndexRecord } from './record.js';

/** Below this, a sum of two numbers is exact. */
const EXACT = 2 ** 52;

/** Adds up sizes exactly (a sparse file can claim 8 EiB) without making a BigInt of each. */
export class ByteSum {
  #small = 0;
  #large = 0n;

  /** `share`: by how much it is divided; Infinity adds nothing. */
  add(size: string, share = 1): void {
    if (share === Infinity) return;
    if (size.length > 15) this.#large += BigInt(size) / BigInt(share);
    else this.#small += Math.floor(Number(size) / share);
    if (this.#small > EXACT) this.#carry();
  }

  addSum(other: ByteSum): void {
    this.#large += other.total;
  }

  get total(): bigint {
    return this.#large + BigInt(this.#small);
  }

  /** Rounded above 2^53: for comparing with limits. */
  get approximate(): number {
    return Number(this.#large) + this.#small;
  }

  #carry(): void {
    this.#large += BigInt(this.#small);
    this.#small = 0;
  }
}

/** What is counted of a list of records. */
export class Tally {
  records = 0;
  directories = 0;
  readonly bytes = new ByteSum();

  /** `share`: by how many names the content of a hard-linked file is divided; Infinity when another name counts it. */
  add(record: Pick<IndexRecord, 'type' | 'size'>, share = 1): void {
    this.records += 1;
    if (record.type === 'd') this.directories += 1;
    if (record.type === 'f') this.bytes.add(record.size, share);
  }

  addTally(other: Tally): void {
    this.records += other.records;
    this.directories += other.directories;
    this.bytes.addSum(other.bytes);
  }
}

/** Whether a record may have further names: a directory's link count counts its sub-directories. */
export function isHardLinked(record: Pick<IndexRecord, 'type' | 'nlink'>): boolean {
  return record.nlink > 1 && record.type !== 'd';
}
