import { constants } from 'node:os';

export interface StopSignal {
  /** Fires at the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Resolves then. */
  readonly stopped: Promise<NodeJS.Signals>;
  /** What a shell expects of a command that a signal cut short: 130 or 143. */
  exitCode(): number;
  /** Signals are not caught any more. */
  release(): void;
}

/**
 * From here on the first SIGTERM or SIGINT is answered by `onFirst` and `signal`, a second one by `onSecond`, if given; the next ends the process at
 * once (children end by their guardians).
 */
export function catchStop(onFirst: (name: NodeJS.Signals) => void, onSecond?: () => void): StopSignal {
  const stopping = new AbortController();
  let first: NodeJS.Signals | null = null;
  let second = onSecond;
  let release = (): void => undefined;
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    const onSignal = (name: NodeJS.Signals): void => {
      if (first !== null) {
        if (second === undefined) process.exit(codeOf(name));
        second();
        second = undefined;
        return;
      }
      first = name;
      onFirst(name);
      stopping.abort();
      resolve(name);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    release = () => { process.off('SIGTERM', onSignal).off('SIGINT', onSignal); };
  });
  return { signal: stopping.signal, stopped, exitCode: () => codeOf(first ?? 'SIGTERM'), release };
}

function codeOf(name: NodeJS.Signals): number {
  return 128 + constants.signals[name];
}
