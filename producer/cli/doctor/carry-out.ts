import { toBwError } from '../../../shared/errors/bw-error.js';
import type { Check } from './checks.js';
import { fail, type CheckResult, type Finding } from './finding.js';

/** What follows a stop before a check that hangs is left behind, ms: time to remove what it wrote. */
const GRACE_MS = 10_000;

/** One check, never longer than it may take, and never rejecting. `graceMs`: for tests. */
export async function carryOut({ area, subject, timeoutMs, look }: Check, graceMs = GRACE_MS): Promise<CheckResult> {
  const startedAt = performance.now();
  const controller = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const hung = fail(`no answer within ${timeoutMs / 1000} s`, 'Something it needs hangs, such as a mount or a server: look at it by hand.');
  const late = new Promise<Finding>((resolve) => {
    timers.push(setTimeout(() => { controller.abort(); }, timeoutMs), setTimeout(() => { resolve(hung); }, timeoutMs + graceMs));
  });
  try {
    const found = await Promise.race([look(controller.signal).then((finding) => finding, failed), late]);
    return { area, subject, ...(controller.signal.aborted ? hung : found), ms: Math.round(performance.now() - startedAt) };
  } finally {
    for (const timer of timers) clearTimeout(timer);
  }
}

function failed(thrown: unknown): Finding {
  const { code, message, subject, hint } = toBwError(thrown);
  return fail(`${code}: ${message}${subject === undefined ? '' : ` [${subject}]`}`, hint);
}
