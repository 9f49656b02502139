import type { Run, RunStore } from '../../shared/runs/run-store.js';
import { createProgress, progressLine, type Progress } from '../../shared/terminal/index.js';
import type { CommonOptions } from './site.js';
import { scanLine, sumProgress } from './sum-progress.js';

/** Redis is asked this often, ms: a terminal wants movement, a log file a line now and then. */
const EVERY_MS = { terminal: 500, file: 10_000 } as const;

/** Of a terminal that does not know its width. */
const COLUMNS = 80;

export interface ShownProgress {
  /** Prints a line that stays. */
  say(line: string): void;
  /** Takes the progress line away. */
  stop(): Promise<void>;
}

/** Shows running work (those of `wanted`) on stderr while a command waits; nothing with --json. */
export function showProgress(runs: RunStore, options: CommonOptions, wanted: (run: Run) => boolean = () => true): ShownProgress {
  if (options.json === true) return { say: () => undefined, stop: () => Promise.resolve() };
  const isTty = process.stderr.isTTY;
  const progress = createProgress({
    write: (text) => process.stderr.write(text),
    isTty,
    ...(isTty ? { columns: process.stderr.columns || COLUMNS } : {}),
    nowMs: () => performance.now(),
  });
  let last: Promise<void> = Promise.resolve();
  const draws = (): void => {
    last = draw(runs, progress, wanted).catch(() => undefined); // Redis is away for a moment: the next draw shows more
  };
  const timer = setInterval(draws, isTty ? EVERY_MS.terminal : EVERY_MS.file);
  return {
    say: (line) => { progress.say(line); },
    stop: async () => {
      clearInterval(timer);
      await last;
      progress.end();
    },
  };
}

async function draw(runs: RunStore, progress: Progress, wanted: (run: Run) => boolean): Promise<void> {
  const running = (await runs.running()).filter((run) => wanted(run) && run.phase !== 'done' && run.phase !== 'failed');
  const followed = await Promise.all(running.map(async (run) => ({ ...run, done: await runs.progress(run.id) })));
  const state = sumProgress(followed, Date.now());
  if (state !== null) progress.show(scanLine(followed, Date.now()) ?? progressLine(state, 'entries'));
}
