import { BundlePool } from '../../shared/bundle/bundle-pool.js';
import { Presence } from '../../shared/hosts/presence.js';
import { isGone, silenceOf, type Heard } from '../../shared/hosts/silence.js';
import type { Area, Decision } from '../../shared/reconcile/walk.js';
import { ItemStore, type StoredItem } from '../../shared/runs/item-store.js';
import { Outbox } from '../../shared/tasks/outbox.js';
import type { OutboxItem } from '../../shared/tasks/task-record.js';
import { formatDuration } from '../../shared/terminal/index.js';
import { isOpen, type ReconcileParts } from './parts.js';
import type { SiteKeys } from './site-keys.js';

/** What is known of one thing that waits in an outbox. */
export interface WaitingFacts {
  readonly item: Pick<OutboxItem, 'object' | 'kind' | 'file' | 'bytes'>;
  /** Of the runs it is of. */
  readonly phases: readonly (string | null)[];
  /** The transfer item of a slice; null: none is on record. */
  readonly stored: Pick<StoredItem, 'host' | 'file' | 'committed'> | null;
}

export interface OutboxFacts {
  readonly lts: string;
  readonly host: string;
  /** For how long no worker was heard there, ms. */
  readonly silentMs: number;
  readonly waiting: readonly WaitingFacts[];
}

export interface DropAct {
  readonly objects: readonly string[];
}

/**
 * What nobody brings any more (pure): whatever waits in the outbox of a host that is gone and no run that has not ended needs. A slice is needed while it is on record as that
 * host's, that very file, and not there yet: one whose shard was done once more elsewhere is not.
 */
export function decideOutbox({ lts, host, silentMs, waiting }: OutboxFacts): Decision<DropAct>[] {
  const left = waiting.filter((facts) => !isNeeded(facts, lts, host)).map(({ item }) => item);
  const [first] = left;
  if (first === undefined) return [];
  const detail = `${left.length} of ${waiting.length} files, the first ${first.object}; no worker was heard there for ${formatDuration(silentMs)}`;
  return [{ kind: 'outbox-left', subject: `outbox of ${host} for ${lts}`, detail, bytes: BigInt(left.reduce((sum, { bytes }) => sum + bytes, 0)), act: { objects: left.map(({ object }) => object) } }];
}

function isNeeded({ item, phases, stored }: WaitingFacts, lts: string, host: string): boolean {
  if (!phases.some((phase) => isOpen(phase === null ? null : { phase }))) return false;
  if (item.kind !== 'slice') return true;
  return stored !== null && stored.host === host && stored.file === item.file && stored.committed[lts] === undefined;
}

/** Fields taken out of a hash at a time. */
const PIECE = 1_000;

/** Outboxes of hosts that are gone: their own workers would throw out what is wanted no more. Should one come back, whoever waits there puts it in anew. */
export class OutboxArea implements Area<OutboxFacts, DropAct> {
  readonly #outbox: Outbox;
  #heard: Heard | null = null;

  constructor(
    private readonly parts: ReconcileParts,
    private readonly keys: SiteKeys,
  ) {
    this.#outbox = new Outbox(parts.queues.redis);
  }

  /** `LTS HOST`. */
  units(): readonly string[] {
    return this.keys.outboxes;
  }

  async observe(unit: string, again: boolean): Promise<OutboxFacts | null> {
    const [lts = '', host = ''] = unit.split(' ');
    if (again || this.#heard === null) this.#heard = await new Presence(this.parts.queues.redis).heard();
    if (!isGone(host, this.#heard)) return null;
    const items = await this.#outbox.all(lts, host);
    return { lts, host, silentMs: silenceOf(host, this.#heard), waiting: await this.#lookAt(lts, host, items) };
  }

  decide(facts: OutboxFacts): Decision<DropAct>[] {
    return decideOutbox(facts);
  }

  async act({ objects }: DropAct, unit: string): Promise<void> {
    const [lts = '', host = ''] = unit.split(' ');
    for (let at = 0; at < objects.length; at += PIECE) await this.#outbox.drop(lts, host, objects.slice(at, at + PIECE));
  }

  async #lookAt(lts: string, host: string, items: readonly OutboxItem[]): Promise<WaitingFacts[]> {
    const runsOf = await Promise.all(items.map((item) => this.#runsOf(lts, host, item)));
    const ids = [...new Set(runsOf.flat())];
    const runs = await this.parts.runs.readAll(ids);
    const phases = new Map(ids.map((id, index) => [id, runs[index]?.phase ?? null]));
    const stored = await this.#stored(items.filter(({ kind }) => kind === 'slice'));
    return items.map((item, index) => ({ item, phases: (runsOf[index] ?? []).map((id) => phases.get(id) ?? null), stored: stored.get(item.object) ?? null }));
  }

  /** Files that are no slices lie below the id of their backup, as those of a seal do; others are of none. */
  async #runsOf(lts: string, host: string, { kind, backupId, object }: OutboxItem): Promise<string[]> {
    if (kind === 'slice') return [backupId];
    if (kind === 'file') return object.split('/').slice(1, 2);
    const plan = await new BundlePool(this.parts.queues.redis, host, lts).plan(object);
    return plan === null || plan.sent ? [] : plan.parts.map((part) => part.backupId);
  }

  async #stored(slices: readonly OutboxItem[]): Promise<Map<string, StoredItem>> {
    const items = new ItemStore(this.parts.queues.redis);
    const found = new Map<string, StoredItem>();
    for (const id of new Set(slices.map(({ backupId }) => backupId))) {
      for (const [object, item] of await items.get(id, slices.filter(({ backupId }) => backupId === id).map(({ object: name }) => name))) found.set(object, item);
    }
    return found;
  }
}
