import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { DrainedHosts, type Drained } from '../shared/orders/drained-hosts.js';
import { lastOrderId, readOrders, type Order } from '../shared/orders/order.js';

export interface OrderParts {
  /** Of its own: it waits on it. */
  readonly connection: Redis;
  /** For short commands. */
  readonly redis: Redis;
  readonly host: string;
  readonly logger: Logger;
  readonly onStop: (order: Extract<Order, { kind: 'stop' }>) => void;
  /** Called when it is drained, in another way, or no more (null). */
  readonly onDrained: (drained: Drained | null) => void;
}

/** Whether this host is drained is looked up at least this often, ms, whatever orders came. */
const LOOK_EVERY_MS = 5_000;
/** Before Redis is asked again when it could not be. */
const AGAIN_MS = 500;

/** Obeys orders until closed. */
export function followOrders(parts: OrderParts): { readonly close: () => Promise<void> } {
  const ending = new AbortController();
  const running = follow(parts, ending.signal);
  return {
    close: async () => {
      ending.abort();
      parts.connection.disconnect();
      await running;
    },
  };
}

async function follow(parts: OrderParts, signal: AbortSignal): Promise<void> {
  const state: { id: string | null; drained: string } = { id: null, drained: 'null' };
  const ended = (): boolean => signal.aborted;
  while (!ended()) {
    try {
      state.id ??= await lastOrderId(parts.redis);
      await lookIfDrained(parts, state);
      const { id, orders } = await readOrders(parts.connection, state.id, LOOK_EVERY_MS);
      state.id = id;
      for (const order of orders) if (order.kind === 'stop') parts.onStop(order);
    } catch (thrown) {
      if (ended()) return;
      parts.logger.debug({ err: thrown }, 'orders cannot be read now');
      await sleep(AGAIN_MS);
    }
  }
}

async function lookIfDrained({ redis, host, onDrained }: OrderParts, state: { drained: string }): Promise<void> {
  const drained = await new DrainedHosts(redis).get(host);
  const seen = JSON.stringify(drained);
  if (seen === state.drained) return;
  state.drained = seen;
  onDrained(drained);
}
