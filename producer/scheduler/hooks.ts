import type { TopdirConfig } from '../../shared/config/config.js';
import { BwError } from '../../shared/errors/bw-error.js';
import { run } from '../../shared/process/index.js';

/** Making or removing a snapshot of a big filesystem takes minutes; more than this is a hang. */
const HOOK_TIMEOUT_MS = 3_600_000;

/**
 * Runs a topdir's hook program (argument array, no shell), telling it the topdir in BW_TOPDIR and where backups read in BW_READ_FROM.
 * No hook, no effect. Throws HOOK_FAILED, also when `signal` ended it.
 */
export async function runHook(topdir: TopdirConfig, when: 'before' | 'after', signal?: AbortSignal): Promise<void> {
  const [program, ...args] = topdir.hooks[when] ?? [];
  if (program === undefined) return;
  const env = { BW_TOPDIR: topdir.path, BW_READ_FROM: topdir.readFrom ?? topdir.path };
  const options = { timeoutMs: HOOK_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
  await run({ program, args, env }, options).catch((cause: unknown) => {
    throw hookFailed(topdir, when, cause);
  });
}

/** A hook that was cut off (a stop, its time is up) could not clean up after itself; one that ended with an exit code, or never began, has nothing to clean up. */
export function failedByItself(thrown: unknown): boolean {
  const cause = thrown instanceof BwError ? thrown.cause : undefined;
  return cause instanceof BwError && ['PROGRAM_FAILED', 'PROGRAM_NOT_FOUND', 'ARGUMENT_INVALID'].includes(cause.code);
}

function hookFailed(topdir: TopdirConfig, when: 'before' | 'after', cause: unknown): BwError {
  const consequence = when === 'before' ? 'nothing was enqueued' : 'it is tried again, and nothing more is enqueued until it succeeds';
  return new BwError('HOOK_FAILED', {
    message: `the ${when} hook of the topdir failed; ${consequence}`,
    subject: topdir.path,
    detail: cause instanceof BwError ? [cause.message, cause.detail ?? ''].join('\n').trim() : String(cause),
    retry: 'operator',
    hint: `Run it by hand: BW_TOPDIR=${topdir.path} BW_READ_FROM=${topdir.readFrom ?? topdir.path} ${(topdir.hooks[when] ?? []).join(' ')}`,
    cause,
  });
}
