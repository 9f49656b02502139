import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { bytePath, showPath, type BytePath } from '../paths/byte-path.js';
import { describeStatus, startGuarded, type Arg, type GuardedExit } from '../process/index.js';
import { abortedDar } from './archive-commands.js';
import { BASE_ARGS, includeArgs } from './arguments.js';
import { darCommand } from './command.js';
import { keyArgs, withHiddenArgs } from './config-file.js';
import { logPosition, messageText, readMessages, type DarMessages } from './messages.js';

/**
 * default-acls-excluded: everything but default ACLs, which would grant rights to the files restored below them ·
 * directories: afterwards, only directories, with their default ACLs; files are not touched · plain: everything at once.
 */
export type ExtractPass = 'default-acls-excluded' | 'directories' | 'plain';

export interface ExtractSpec {
  /** Absolute path of the archive without slice number and extension. */
  readonly base: string;
  /** Existing directory to restore into. */
  readonly root: BytePath;
  readonly dar: DarConfig;
  /** Only these paths, and all below those that are directories. */
  readonly includePaths?: readonly BytePath[];
  /** Only the paths of this file, one per line; a directory means only itself. */
  readonly listFile?: string;
  /** Base of the isolated catalogue to read instead of the archive's own: few files of many come 2.3 times faster. */
  readonly rescueCatalogue?: string;
  readonly pass: ExtractPass;
  /** dar's messages are appended here. */
  readonly logFile: string;
  /** Private directory for the short-lived file that hides the passphrase. */
  readonly secretsDir: string;
  readonly signal?: AbortSignal;
}

export interface ExtractOutcome {
  /** 0, or 5: not everything could be restored. Neither proves anything: look at `problems` and at the result. */
  readonly exitCode: number;
  /** What dar said beside its statistics, raw bytes, the first thousand lines. */
  readonly problems: readonly Buffer[];
  readonly wallMs: number;
}

const PASS_ARGS: Readonly<Record<ExtractPass, readonly string[]>> = {
  'default-acls-excluded': ['-u', 'system.posix_acl_default'],
  // -X concerns only what is not a directory.
  directories: ['-X', '*'],
  plain: [],
};

/**
 * `dar -x` over what may be there already. Attributes that cannot be restored are only told in messages, with exit
 * code 0. Rejects DAR_TARGET_MISSING, DAR_EXTRACT_FAILED, PROGRAM_ABORTED, DAR_KEY_UNUSABLE and what startGuarded rejects.
 */
export async function extract(spec: ExtractSpec): Promise<ExtractOutcome> {
  await assertTarget(spec.root);
  const keys = await keyArgs(spec.dar.encryption, spec.rescueCatalogue === undefined ? ['-K'] : ['-K', '-J']);
  const hidden = [...keys, ...includeArgs(spec.includePaths ?? [])];
  const position = await logPosition(spec.logFile);
  const exit = await withHiddenArgs(spec.secretsDir, hidden, (more) => runExtract(spec, [...extractArgs(spec), ...more]));
  const messages = await readMessages(spec.logFile, position);
  if (spec.signal?.aborted === true) throw abortedDar();
  if (exit.code !== 0 && exit.code !== 5) throw extractFailed(spec, exit, messages);
  return { exitCode: exit.code, problems: messages.lines, wallMs: Math.round(exit.wallMs) };
}

/** A missing target is only one more message for dar, with the exit code of an unreadable file. */
async function assertTarget(root: BytePath): Promise<void> {
  try {
    if ((await stat(bytePath.toBuffer(root))).isDirectory()) return;
  } catch (error) {
    throw targetMissing(root, error);
  }
  throw targetMissing(root);
}

/** -wa: replace what is there. Without `no-warn` files that changed while they were saved are skipped, silently. */
function extractArgs(spec: ExtractSpec): Arg[] {
  return [
    '-x', spec.base,
    '-R', bytePath.toBuffer(spec.root),
    ...BASE_ARGS,
    '-wa',
    '--dirty-behavior', 'no-warn',
    ...PASS_ARGS[spec.pass],
    ...(spec.rescueCatalogue === undefined ? [] : ['-A', spec.rescueCatalogue]),
    ...(spec.listFile === undefined ? [] : ['-[', spec.listFile]),
  ];
}

async function runExtract(spec: ExtractSpec, args: readonly Arg[]): Promise<GuardedExit> {
  if (spec.signal?.aborted === true) throw abortedDar();
  const child = await startGuarded(darCommand(args), { logFile: spec.logFile, stagingDir: dirname(spec.logFile) });
  const { signal } = spec;
  signal?.addEventListener('abort', child.terminate, { once: true });
  if (signal?.aborted) child.terminate();
  try {
    return await child.exited;
  } finally {
    signal?.removeEventListener('abort', child.terminate);
  }
}

function targetMissing(root: BytePath, cause?: unknown): BwError {
  return new BwError('DAR_TARGET_MISSING', {
    message: 'the directory to restore into is not there',
    retry: 'retry',
    hint: 'Check that its filesystem is mounted on this host, or choose another target.',
    subject: showPath(root),
    ...(cause === undefined ? {} : { cause }),
  });
}

function extractFailed(spec: ExtractSpec, exit: GuardedExit, messages: DarMessages): BwError {
  return new BwError('DAR_EXTRACT_FAILED', {
    message: `dar could not restore from an archive (${describeStatus(exit)})`,
    retry: 'retry',
    hint: 'Its reason is below. Check the free space of the target, and test the archive (dar -t).',
    subject: spec.base,
    detail: messageText(messages),
  });
}
