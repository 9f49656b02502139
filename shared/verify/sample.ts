import { createHash } from 'node:crypto';

/** A place between 0 and 1 that follows from seed and key alone, evenly spread. */
export function placeOf(seed: string, key: string): number {
  return createHash('sha256').update(`${seed}\0${key}`, 'latin1').digest().readUInt32BE(0) / 2 ** 32;
}

/** A share of the keys, the same for the same seed (pure); at least one where there is one. @param percent above 0, up to 100 */
export function sampleOf<T>(items: readonly T[], keyOf: (item: T) => string, percent: number, seed: string): T[] {
  if (percent >= 100) return [...items];
  const placed = items.map((item) => ({ item, place: placeOf(seed, keyOf(item)) }));
  const chosen = placed.filter(({ place }) => place < percent / 100);
  if (chosen.length > 0) return chosen.map(({ item }) => item);
  const first = placed.reduce<(typeof placed)[number] | null>((least, each) => (least === null || each.place < least.place ? each : least), null);
  return first === null ? [] : [first.item];
}

export interface Weighed {
  readonly key: string;
  readonly bytes: number;
}

/**
 * The same for more than memory holds: what is added one after the other. Within the limits the share that was asked for; beyond them the half of it, the
 * quarter, ... so that the sample stays even.
 */
export class BoundedSample {
  #kept: (Weighed & { readonly place: number })[] = [];
  #bytes = 0;
  #share: number;
  #least: (Weighed & { readonly place: number }) | null = null;

  constructor(
    percent: number,
    readonly seed: string,
    readonly limits: { readonly items: number; readonly bytes: number },
  ) {
    this.#share = percent / 100;
  }

  add(item: Weighed): void {
    const place = placeOf(this.seed, item.key);
    if (item.bytes <= this.limits.bytes && (this.#least === null || place < this.#least.place)) this.#least = { ...item, place };
    if (place >= this.#share) return;
    this.#kept.push({ ...item, place });
    this.#bytes += item.bytes;
    while (this.#kept.length > 0 && (this.#kept.length > this.limits.items || this.#bytes > this.limits.bytes)) this.#halve();
  }

  keys(): string[] {
    if (this.#kept.length === 0 && this.#least !== null) return [this.#least.key];
    return this.#kept.map(({ key }) => key);
  }

  /** Of `keys()`. */
  get bytes(): number {
    return this.#kept.length === 0 ? (this.#least?.bytes ?? 0) : this.#bytes;
  }

  #halve(): void {
    this.#share /= 2;
    this.#kept = this.#kept.filter(({ place }) => place < this.#share);
    this.#bytes = this.#kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
