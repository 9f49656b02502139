import type { Logger } from 'pino';
import { killAll } from '../shared/process/index.js';
import { EXIT } from '../shared/errors/exit-codes.js';

/** Redis is asked this often whether it is there, ms, and given up after so many questions without answer. */
const ASK_EVERY_MS = 1_000;
const GIVE_UP_AFTER = 8;

/**
 * Ends a daemon. Work cannot be handed back to a Redis that does not answer: then children are ended and the process with them; the
 * locks of its jobs end by themselves. Resolves to the exit code.
 */
export async function closeOrGiveUp(close: () => Promise<void>, ask: () => Promise<unknown>, logger: Logger): Promise<number> {
  const state = { unanswered: 0 };
  const timer = setInterval(() => {
    state.unanswered += 1;
    ask().then(() => { state.unanswered = 0; }, () => undefined);
    if (state.unanswered > GIVE_UP_AFTER) void giveUp(logger);
  }, ASK_EVERY_MS);
  try {
    await close();
    return EXIT.ok;
  } finally {
    clearInterval(timer);
  }
}

async function giveUp(logger: Logger): Promise<void> {
  logger.error('Redis does not answer: ending without handing work back, which others get when its locks have ended');
  await killAll();
  process.exit(EXIT.failed);
}
