import { BwError } from '../errors/bw-error.js';
import { topdirRoot } from '../paths/basepath-root.js';
import { bytePath } from '../paths/byte-path.js';
import { run } from '../process/index.js';
import { empty, inspectRoot, unreadable, withinTime } from './inspect-root.js';

type Source = Parameters<typeof topdirRoot>[0] & { readonly sentinel: string | null };

/**
 * Looks whether the filesystem of a topdir is there, in child processes with a timer: the sentinel, where one is configured, and that something can be listed.
 * Throws SOURCE_NOT_MOUNTED, SOURCE_EMPTY, SOURCE_UNREADABLE and what inspectRoot throws.
 */
export async function probeSource(topdir: Source, timeoutMs: number): Promise<void> {
  const directory = topdirRoot(topdir);
  const root = bytePath.fromText(directory);
  await inspectRoot(root, { timeoutMs });
  await checkSentinel(topdir, timeoutMs);
  const args = [directory, '-mindepth', '1', '-maxdepth', '1', '!', '-name', 'lost+found', '-print', '-quit'];
  const listed = await withinTime(root, timeoutMs, (signal) => run({ program: 'find', args }, { signal, okCodes: [0, 1] }));
  if (listed.status.code !== 0) throw unreadable(root, listed.stderr.slice(-2_000));
  if (listed.stdout.length === 0) throw empty(root);
}

/** A file that is there only while the filesystem is mounted. Throws SOURCE_NOT_MOUNTED. */
export async function checkSentinel(topdir: Source, timeoutMs: number): Promise<void> {
  if (topdir.sentinel === null) return;
  const root = topdirRoot(topdir);
  const file = `${root}/${topdir.sentinel}`;
  await run({ program: 'stat', args: ['--', file] }, { timeoutMs }).catch((cause: unknown) => {
    throw new BwError('SOURCE_NOT_MOUNTED', {
      message: 'the sentinel of the topdir is not there: the filesystem does not look mounted',
      subject: file,
      retry: 'operator',
      hint: `Mount the filesystem below ${root}, or correct topdirs[].sentinel.`,
      cause,
    });
  });
}
