import type { RunStore } from '../../shared/runs/run-store.js';
import { createProgress, progressLine, type Progress } from '../../shared/terminal/index.js';
import type { CommonOptions } from './session.js';

/** Redis is asked this often for a terminal, less often for a log file. */
const EVERY_MS = 500;

export interface ShownProgress {
  /** Prints a line that stays. */
  say(line: string): void;
  /** Takes the progress line away. */
  stop(): Promise<void>;
}

/** Shows running work on stderr while a command waits; nothing with --json. */
export function showProgress(runs: RunStore, options: CommonOptions): ShownProgress {
  if (options.json === true) return { say: () => undefined, stop: () => Promise.resolve() };
  const isTty = process.stderr.isTTY;
  const progress = createProgress({
    write: (text) => process.stderr.write(text),
    isTty,
    ...(isTty ? { columns: process.stderr.columns } : {}),
    nowMs: () => performance.now(),
  });
  let last: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    last = draw(runs, progress).catch(() => undefined); // Redis is away for a moment: the next draw shows more
  }, EVERY_MS);
  return {
    say: (line) => { progress.say(line); },
    stop: async () => {
      clearInterval(timer);
      await last;
      progress.end();
    },
  };
}

async function draw(runs: RunStore, progress: Progress): Promise<void> {
  const running = await runs.running();
  const active = running.filter((run) => run.phase !== 'planning' && run.phase !== 'done' && run.phase !== 'failed');
  const first = active[0] ?? running[0];
  if (first === undefined) return;
  let done = 0;
  let bytes = 0;
  for (const run of active) {
    const state = await runs.progress(run.id);
    done += state.entries;
    bytes += state.doneBytes;
  }
  const planned = active.reduce((sum, run) => sum + run.records, 0);
  const totalBytes = active.reduce((sum, run) => sum + Number(run.bytes), 0);
  const more = running.length > 1 ? ` and ${running.length - 1} more` : '';
  const startedAt = Math.min(...running.map((run) => Date.parse(run.startedAt)));
  const elapsedMs = Math.max(0, Date.now() - startedAt);
  const total = active.length === 0 ? null : planned;
  progress.show(progressLine({ label: `${first.basepathId}${more}`, done, total, bytes, totalBytes: active.length === 0 ? null : totalBytes, elapsedMs }));
}
