import type { Collected, CollectOptions } from '../collect.js';
import type { ExitStatus } from '../command.js';
import type { GuardianWord } from '../guardian.js';
import type { Launch } from '../launch.js';
import type { StageResult } from '../pipeline.js';
import type { Stage } from '../spawn-child.js';

/** What a launcher is asked for; `id` names the request in everything that follows. Both ends are of one build, over a private channel. */
export type Request =
  | { readonly id: number; readonly ask: 'collect'; readonly program: string; readonly launch: Launch; readonly options: CollectOptions }
  | { readonly id: number; readonly ask: 'guard'; readonly program: string; readonly launch: Launch; readonly logFile: string }
  | { readonly id: number; readonly ask: 'pipe'; readonly stages: readonly Stage[]; readonly file: string }
  /** To a running program: end it, kill it, or a word for its guardian. */
  | { readonly id: number; readonly ask: 'tell'; readonly what: Word };

export type Word = 'end' | 'kill' | GuardianWord;

export type Answer =
  /** A guarded program runs. */
  | { readonly id: number; readonly is: 'running'; readonly pid: number }
  | { readonly id: number; readonly is: 'collected'; readonly result: Collected }
  | { readonly id: number; readonly is: 'exited'; readonly status: ExitStatus }
  | { readonly id: number; readonly is: 'piped'; readonly stages: readonly StageResult[] }
  | { readonly id: number; readonly is: 'failed'; readonly code: string; readonly message: string; readonly hint: string; readonly subject: string | null };
