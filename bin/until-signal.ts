import type { Logger } from 'pino';

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once (children end by their guardians). */
export function untilSignal(logger: Logger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
      asked = true;
      logger.info({ signal }, 'stopping: running jobs are handed back');
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
