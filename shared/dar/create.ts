import { basename, dirname } from 'node:path';
import { isFull } from '../files/is-full.js';
import { removeFile } from '../files/remove-file.js';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import type { BytePath } from '../paths/byte-path.js';
import { startGuarded, type GuardedChild, type GuardedExit } from '../process/index.js';
import { createArgs, includeArgs, mergeArgs, pruneArgs } from './arguments.js';
import { darCommand } from './command.js';
import { keyArgs, writeHiddenArgs, type KeyOption } from './config-file.js';
import { meaningOf, type CreateMeaning } from './exit-codes.js';
import { logPosition, readMessages } from './messages.js';
import { readProgress, type DarProgress } from './progress.js';
import { isNonEmptyFile, sliceNumbers } from './slice-files.js';

export interface CreateSpec {
  /** Absolute path of the archive without slice number and extension; its directory is where slices appear. */
  readonly base: string;
  /** Directory that list and includePaths are relative to. */
  readonly root: BytePath;
  /** Paths to save, one per line; null: all below root. */
  readonly listFile: string | null;
  /** Base of an archive without encryption to compare with: what it has and root has not is recorded as removed. */
  readonly reference?: string;
  /** Base of an archive that is read instead of `root` (`dar -+`), encrypted as `dar` says. */
  readonly mergeFrom?: string;
  /** Not to be taken, with all below; for names that a list cannot carry. */
  readonly prunePaths?: readonly BytePath[];
  /** Paths that a list cannot carry (newline, carriage return at the end); directories would take all below. */
  readonly includePaths: readonly BytePath[];
  /** Base of the catalogue to isolate while writing; null = none. */
  readonly catalogueBase: string | null;
  readonly dar: DarConfig;
  /** dar's messages are appended here. */
  readonly logFile: string;
  /** Private directory for the short-lived file that hides the passphrase. */
  readonly secretsDir: string;
}

export interface CreateOutcome {
  readonly exitCode: number;
  readonly meaning: CreateMeaning;
  readonly wallMs: number;
  /** Null when dar ended before the first reading. */
  readonly peakRssBytes: number | null;
  readonly lastError: string | null;
  /** The first thousand messages that are not statistics; raw bytes, not proof. */
  readonly errorLines: readonly Buffer[];
  /** An interrupted dar writes none. */
  readonly catalogueWritten: boolean;
}

export interface DarCreate extends Pick<GuardedChild, 'pid' | 'terminate' | 'terminateAgain' | 'kill' | 'giveUp' | 'pause' | 'resume'> {
  /** Bytes dar has read and written so far; null when it has ended. */
  readonly progress: () => Promise<DarProgress | null>;
  /**
   * Resolves when an archive was closed. Rejects STAGING_FULL, DAR_SLICE_EXISTS, DAR_SOURCE_MISSING, DAR_STOPPED,
   * DAR_ABORTED, DAR_INTERRUPT_SPOILED, DAR_CRASHED, DAR_FAILED, DAR_NO_SLICES, PROGRAM_UNKILLABLE.
   */
  readonly done: Promise<CreateOutcome>;
}

/** Starts `dar -c` of a list, or `dar -+` of what an archive holds of it. Rejects what startGuarded rejects, and DAR_KEY_UNUSABLE. */
export async function startCreate(spec: CreateSpec): Promise<DarCreate> {
  const { mergeFrom } = spec;
  const keys: KeyOption[] = ['-K', ...(spec.catalogueBase === null ? [] : ['-$' as const]), ...(mergeFrom === undefined ? [] : ['-J' as const])];
  const hidden = [...(await keyArgs(spec.dar.encryption, keys)), ...includeArgs(spec.includePaths), ...pruneArgs(spec.prunePaths ?? [])];
  const hiddenFile = hidden.length === 0 ? null : await writeHiddenArgs(spec.secretsDir, hidden);
  try {
    const position = await logPosition(spec.logFile);
    const args = [...(mergeFrom === undefined ? createArgs(spec) : mergeArgs({ ...spec, from: mergeFrom })), ...(hiddenFile === null ? [] : ['-B', hiddenFile])];
    const child = await startGuarded({ ...darCommand(args), ...(mergeFrom === undefined ? { polite: true } : {}) }, { logFile: spec.logFile, stagingDir: dirname(spec.base) });
    const done = finish(spec, child, position, hiddenFile);
    done.catch(() => undefined); // whoever awaits it gets the rejection
    const { pid, terminate, terminateAgain, kill, giveUp, pause, resume } = child;
    return { pid, terminate, terminateAgain, kill, giveUp, pause, resume, progress: () => readProgress(pid), done };
  } catch (error) {
    await removeHidden(hiddenFile);
    throw error;
  }
}

async function finish(spec: CreateSpec, child: GuardedChild, position: number, hiddenFile: string | null): Promise<CreateOutcome> {
  const exit = await child.exited.finally(() => removeHidden(hiddenFile));
  return outcomeOf(spec, exit, position);
}

/** What came of a dar that has ended. `position`: where its part of the log begins. Rejects as `done` of a DarCreate. */
export async function outcomeOf(spec: Pick<CreateSpec, 'base' | 'logFile' | 'catalogueBase'>, exit: GuardedExit, position: number): Promise<CreateOutcome> {
  const messages = await readMessages(spec.logFile, position);
  const archive = basename(spec.base);
  const { terminatedByUs } = exit;
  const meaning = meaningOf({ status: exit, terminatedByUs, messages, diskFull: exit.code !== 0 && (await isFull(dirname(spec.base))), archive });
  await assertSlices(spec.base);
  return {
    exitCode: exit.code ?? -1,
    meaning,
    wallMs: Math.round(exit.wallMs),
    peakRssBytes: exit.peakRssBytes,
    lastError: messages.lastError,
    errorLines: messages.lines,
    catalogueWritten: spec.catalogueBase !== null && (await isNonEmptyFile(`${spec.catalogueBase}.1.dar`)),
  };
}

/** Exit code 0 is not proof. Earlier slices may be away already, but the last one stays until dar has ended. */
async function assertSlices(base: string): Promise<void> {
  const last = (await sliceNumbers(base)).at(-1);
  if (last !== undefined && (await isNonEmptyFile(`${base}.${last}.dar`))) return;
  throw new BwError('DAR_NO_SLICES', {
    message: 'dar reported success and left no archive',
    retry: 'retry',
    hint: 'Something else may have removed its files: look who works in the staging directory.',
    subject: basename(base),
  });
}

async function removeHidden(file: string | null): Promise<void> {
  if (file !== null) await removeFile(file);
}
