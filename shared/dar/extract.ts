import { mkdtemp, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DarConfig } from '../config/config.js';
import { BwError } from '../errors/bw-error.js';
import { bytePath, showPath, type BytePath } from '../paths/byte-path.js';
import { describeStatus, startGuarded, type Arg, type Command, type GuardedChild, type GuardedExit } from '../process/index.js';
import { abortedDar } from './archive-commands.js';
import { BASE_ARGS, includeArgs } from './arguments.js';
import { darCommand } from './command.js';
import { keyArgs, withHiddenArgs } from './config-file.js';
import { logPosition, messageText, readMessages, type DarMessages } from './messages.js';
import { HOOK, HOOK_ENV, SliceHook, type SliceSource } from './slice-hook.js';

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
  /** Where slices come from when dar asks for them; without it all are there. */
  readonly slices?: SliceSource;
  readonly pass: ExtractPass;
  /** dar's messages are appended here. */
  readonly logFile: string;
  /** Private directory for the short-lived file that hides the passphrase. */
  readonly secretsDir: string;
  readonly signal?: AbortSignal;
  /** Called with the running dar, to watch or brake it; what it returns is called when dar has ended. */
  readonly onStart?: (child: GuardedChild) => () => void;
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
 * code 0. Rejects DAR_TARGET_MISSING, DAR_EXTRACT_FAILED, PROGRAM_ABORTED, DAR_KEY_UNUSABLE, and what
 * startGuarded and SliceSource.provide reject.
 */
export async function extract(spec: ExtractSpec): Promise<ExtractOutcome> {
  await assertTarget(spec.root);
  const keys = await keyArgs(spec.dar.encryption, ['-K']);
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
    ...(spec.listFile === undefined ? [] : ['-[', spec.listFile]),
  ];
}

/** An archive of one slice needs no hook, which is a shell per slice. */
async function runExtract(spec: ExtractSpec, args: readonly Arg[]): Promise<GuardedExit> {
  const { slices } = spec;
  await slices?.provide(slices.count); // dar begins with the last one, and needs its number
  if (slices === undefined || slices.count === 1) return runDar(spec, darCommand(args));
  const dir = await mkdtemp(join(spec.secretsDir, 'slices-'));
  const hook = await SliceHook.open(dir, slices);
  try {
    const { env, ...command } = darCommand([...args, '-E', HOOK]);
    const exit = await runDar(spec, { ...command, env: { ...env, [HOOK_ENV]: dir } }, () => void hook.close());
    if (hook.failure !== null && spec.signal?.aborted !== true) throw hook.failure;
    return exit;
  } finally {
    await hook.close();
    await rm(dir, { recursive: true, force: true });
  }
}

async function runDar({ signal, logFile, onStart }: ExtractSpec, command: Command, onAbort?: () => void): Promise<GuardedExit> {
  if (signal?.aborted === true) throw abortedDar();
  const child = await startGuarded(command, { logFile, stagingDir: dirname(logFile) });
  const stop = (): void => {
    onAbort?.();
    child.terminate();
  };
  signal?.addEventListener('abort', stop, { once: true });
  if (isAborted(signal)) stop();
  const ended = onStart?.(child);
  try {
    return await child.exited;
  } finally {
    signal?.removeEventListener('abort', stop);
    ended?.();
  }
}

/** A function, because the compiler takes what it was before an await for what it is. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
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
