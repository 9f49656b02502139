import { ulid } from 'ulid';
import type { Config } from '../../shared/config/config.js';
import { toBwError } from '../../shared/errors/bw-error.js';
import type { ImportRequest } from '../../shared/import/import-archive.js';
import { COMMAND_TIMEOUT_MS, commandConnection, connectInTime } from '../../shared/redis/connect.js';
import { sendInLease } from '../../shared/tasks/send-in-lease.js';
import { say } from './print.js';

export interface Leases {
  readonly send: NonNullable<ImportRequest['sendInLease']>;
  readonly close: () => void;
}

/** What an import sends to a service that works with tasks keeps to the leases of all hosts, which are in Redis. Null, and said, when that does not answer: an import can do without it. */
export async function openLeases(config: Config, signal: AbortSignal): Promise<Leases | null> {
  const redis = commandConnection(config);
  redis.on('error', () => undefined); // told by what was asked
  try {
    await connectInTime(redis, COMMAND_TIMEOUT_MS);
  } catch (thrown) {
    redis.disconnect();
    say(`Redis does not answer (${toBwError(thrown).message}): what is sent does not wait for the transfer tasks of the workers.`);
    return null;
  }
  return {
    send: (backend, items) => sendInLease({
      redis, backend, items, sender: `import-${config.host}-${ulid()}`, signal,
      onWait: () => { say(`${backend.name}: as many transfer tasks as there may be are alive: waiting for one to end.`); },
      onLeft: (name) => { say(`${backend.name}: the service does not say that ${name} is over: it keeps its place until a worker has seen its end (see \`bw-bkup tasks list\`).`); },
    }),
    close: () => { redis.disconnect(); },
  };
}
