import { Command, type Redis } from 'ioredis';
import { toBwError } from '../errors/bw-error.js';

/** A server that is full is asked again after this, ms. */
const AGAIN_MS = 1_000;
/** It is said this often at most, by all connections of this process, ms. */
const SAY_EVERY_MS = 60_000;
let saidMs = -Infinity;

/**
 * Makes a connection wait for room as it waits for Redis: a command that is refused because the server is full is sent again until it is taken, or the connection closed. Not those
 * of pipelines and transactions, whose order counts: they fail with REDIS_FULL. Emits that as 'error' now and then.
 */
export function waitForRoom(redis: Redis): Redis {
  const send = redis.sendCommand.bind(redis);
  const again = async (command: Command): Promise<unknown> => {
    for (let current = command; ; ) {
      try {
        return await (send(current));
      } catch (thrown) {
        const full = toBwError(thrown);
        if (full.code !== 'REDIS_FULL') throw thrown;
        say(redis, full);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        current = copyOf(command);
      }
    }
  };
  redis.sendCommand = (command: Command, stream) => {
    if (stream !== undefined) return send(command, stream);
    const answer = again(command);
    answer.catch(() => undefined); // of its own commands ioredis listens to the command's promise only
    return answer;
  };
  return redis;
}

/** A command is sent once only. */
function copyOf(command: Command): Command {
  const { name, args, replyEncoding } = command as unknown as { name: string; args: (string | Buffer | number)[]; replyEncoding: BufferEncoding | null };
  return new Command(name, args, { replyEncoding });
}

function say(redis: Redis, error: Error): void {
  const nowMs = performance.now();
  if (nowMs - saidMs < SAY_EVERY_MS) return;
  saidMs = nowMs;
  redis.emit('error', error);
}
