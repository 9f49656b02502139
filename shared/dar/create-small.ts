import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { BwError } from '../errors/bw-error.js';
import { describeStatus, runSequence, STAGING_MARK, WORK_MARK, type Arg, type ExitStatus, type SequenceStep } from '../process/index.js';
import { isolateArgs, isolationFailed } from './archive-commands.js';
import { createArgs } from './arguments.js';
import type { CatalogueEntry } from './catalogue-parser.js';
import { darCommand } from './command.js';
import { outcomeOf, type CreateOutcome, type CreateSpec } from './create.js';
import { EXITS_WITH_ARCHIVE } from './exit-codes.js';
import { listArgs, parseListing } from './list-catalogue.js';
import { messagesOf, messageText } from './messages.js';
import { isNonEmptyFile } from './slice-files.js';

/** Without encryption, and without names that a list cannot carry: nothing has to be hidden from argv. */
export type SmallSpec = Pick<CreateSpec, 'base' | 'root' | 'listFile' | 'dar' | 'logFile'> & {
  /** Base of the catalogue that is isolated when the archive was made; null: none. */
  readonly catalogueBase: string | null;
  /** What must have happened before: constant shell text. */
  readonly before?: { readonly script: string; readonly args: readonly Arg[]; readonly okCodes: readonly number[] };
  /** For all of it; default: none. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

export interface SmallArchive {
  readonly outcome: CreateOutcome;
  /** All the archive holds, read back from it. */
  readonly entries: readonly CatalogueEntry[];
  /** Exit code of `before`, 0 without one. */
  readonly beforeCode: number;
}

/**
 * `dar -c`, `-C` and `-l` of a few files, one after the other and without a guardian: a dar of twenty files takes 6 ms, a guardian and three starts from here
 * as much again, and what is cut off is made anew sooner than it would be closed. All of it carries `base` as its mark (watchWork). Rejects as `done` of a DarCreate, DAR_ISOLATION_FAILED, DAR_CATALOGUE_UNREADABLE, and what run() rejects.
 */
export async function createSmall(spec: SmallSpec): Promise<SmallArchive> {
  const { base, catalogueBase, dar, logFile, before } = spec;
  const listing = `${base}.xml`;
  const isolateLog = `${base}.cat.log`;
  const log = { stdout: logFile, stderr: logFile };
  const quiet = { stdout: isolateLog, stderr: isolateLog };
  const steps: SequenceStep[] = [
    ...(before === undefined ? [] : [{ ...before, ...quiet }]),
    { command: { ...darCommand(createArgs({ ...spec, catalogueBase: null })), polite: true }, ...log, okCodes: EXITS_WITH_ARCHIVE },
    ...(catalogueBase === null ? [] : [{ command: darCommand(isolateArgs(base, catalogueBase, dar)), ...quiet }]),
    { command: darCommand(listArgs(base)), stdout: listing, stderr: isolateLog },
  ];
  const started = performance.now();
  const { signal, timeoutMs } = spec;
  const env = { [STAGING_MARK]: dirname(base), [WORK_MARK]: base };
  const ended = (await runSequence(steps, { env, ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) })).values();
  const next = (): ExitStatus => ended.next().value ?? NOT_RUN;
  const beforeCode = before === undefined ? 0 : await assertBefore(next(), before.okCodes, isolateLog);
  const outcome = await outcomeOf({ base, logFile, catalogueBase: null }, { ...next(), peakRssBytes: null, wallMs: performance.now() - started, terminatedByUs: false }, 0);
  if (catalogueBase !== null) await assertIsolated(base, catalogueBase, next(), isolateLog);
  const listed = next();
  return { outcome, entries: parseListing(base, listed.code === 0 ? await readFile(listing) : Buffer.alloc(0), listed), beforeCode };
}

const NOT_RUN: ExitStatus = { code: null, signal: null };

async function assertIsolated(base: string, catalogueBase: string, status: ExitStatus, log: string): Promise<void> {
  if (status.code !== 0) throw isolationFailed(base, describeStatus(status), messageText(messagesOf(await readFile(log))));
  if (!(await isNonEmptyFile(`${catalogueBase}.1.dar`))) throw isolationFailed(base, 'no catalogue is there', '');
}

async function assertBefore(status: ExitStatus, okCodes: readonly number[], log: string): Promise<number> {
  if (status.code !== null && okCodes.includes(status.code)) return status.code;
  throw new BwError('PROGRAM_FAILED', {
    message: `what has to be done before dar ended with ${describeStatus(status)}`,
    retry: 'retry',
    hint: 'Read what was said below.',
    subject: basename(log),
    detail: messageText(messagesOf(await readFile(log))),
  });
}
