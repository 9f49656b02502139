import { toBwError, type BwError } from '../errors/bw-error.js';
import { BoundedCall } from './bounded-call.js';

export interface CollectorFields {
  readonly name: string;
  /** Asks, and publishes what it learned. May hang or throw. */
  readonly collect: () => Promise<void>;
  /** Withdraws what was published. */
  readonly clear: () => void;
  /** How long old values are better than none, ms. */
  readonly keepMs: number;
  readonly timeoutMs: number;
  /** Milliseconds of any clock. */
  readonly now: () => number;
  /** Told at every failed scrape. */
  readonly onError: (collector: string, error: BwError) => void;
}

/** A source of gauges asked at every scrape, which can neither break nor delay the scrape beyond its timeout. */
export class Collector {
  readonly name: string;
  readonly #call: BoundedCall<void>;
  #freshAt: number | null = null;

  constructor(private readonly fields: CollectorFields) {
    this.name = fields.name;
    this.#call = new BoundedCall(fields.name, () => this.#collect(), fields);
  }

  /** True when the published values are fresh; otherwise they are kept for keepMs and then cleared. */
  async refresh(): Promise<boolean> {
    try {
      await this.#call.get();
      return true;
    } catch (thrown) {
      this.fields.onError(this.name, toBwError(thrown));
      if (this.#freshAt !== null && this.fields.now() - this.#freshAt < this.fields.keepMs) return true;
      this.fields.clear();
      return false;
    }
  }

  async #collect(): Promise<void> {
    await this.fields.collect();
    this.#freshAt = this.fields.now();
  }
}
