import { access } from 'node:fs/promises';
import type { BwError } from '../../shared/errors/bw-error.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import type { StageState, TransferItem, TransferOptions } from '../../shared/transfer/backend.js';
import { notRecalled } from '../../shared/transfer/recall.js';
import { MemoryBackend } from './memory-backend.js';

/**
 * A storage with tapes: what is sent lies on its disk until it goes to tape; what is ordered comes back when the library delivers it. It fetches many in one call, as task services do.
 */
export class TapeBackend extends MemoryBackend {
  /** Orders of recall, as they came. */
  readonly orders: string[][] = [];
  /** What was fetched in one call. */
  readonly fetches: string[][] = [];
  /** Object -> tape and place. */
  readonly media = new Map<string, string>();
  readonly #away = new Map<string, StageState>();

  /** Absent: it does not tell. */
  readonly stageStates?: (objects: readonly string[]) => Promise<ReadonlyMap<string, StageState>>;

  constructor(tells = true) {
    super();
    if (!tells) return;
    const stateOf = (object: string): StageState => (this.objects.has(object) ? (this.#away.get(object) ?? 'online') : 'missing');
    this.stageStates = (objects) => Promise.resolve(new Map(objects.map((object) => [object, stateOf(object)])));
  }

  override capabilities() {
    return { ...super.capabilities(), staging: true };
  }

  /** They leave the disk. */
  toTape(objects: readonly string[]): void {
    for (const object of objects) this.#away.set(object, 'offline');
  }

  /** Those that were ordered are there; default: all. */
  deliver(objects: readonly string[] = [...this.#away.keys()]): void {
    for (const object of objects) if (this.#away.get(object) === 'recalling') this.#away.delete(object);
  }

  override stage(objects: readonly string[] = []): Promise<void> {
    this.orders.push([...objects]);
    for (const object of objects) if (this.#away.has(object)) this.#away.set(object, 'recalling');
    return super.stage();
  }

  mediumOf(objects: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map([...this.media].filter(([object]) => objects.includes(object))));
  }

  override fetch(item: TransferItem, options: TransferOptions = {}): Promise<void> {
    this.fetches.push([item.object]);
    return this.#bring(item, options);
  }

  async fetchAll(items: readonly TransferItem[], options: TransferOptions = {}): Promise<ReadonlyMap<string, BwError>> {
    this.fetches.push(items.map(({ object }) => object));
    const errors = new Map<string, BwError>();
    for (const item of items) await this.#bring(item, options).catch((thrown: unknown) => errors.set(item.file, toBwError(thrown)));
    return errors;
  }

  async #bring(item: TransferItem, options: TransferOptions): Promise<void> {
    if (this.#away.has(item.object)) throw notRecalled(this.name, [item.object]);
    await super.fetch(item, options);
    await access(item.file);
  }
}
