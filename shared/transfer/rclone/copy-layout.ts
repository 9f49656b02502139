import { mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { StageResult } from '../../process/index.js';
import { toBwError } from '../../errors/bw-error.js';
import type { TransferItem, TransferOptions } from '../backend.js';
import { makeLinkDirectory } from './link-directory.js';
import { parseMessage, type Message } from './messages.js';
import { CopyProgress } from './progress.js';
import type { RcloneRemote } from './remote.js';
import { linesOf, StallWatch } from './silence.js';

/** Its log to where its output goes, so that one stream tells how far it is. The text is constant. */
const BOTH = 'exec "$0" "$@" 2>&1';
/** Of the log, for errors: a batch that fails as a whole says the same of each object. */
const MAX_MESSAGES = 10_000;

export interface CopyResult {
  readonly code: number | null;
  readonly messages: readonly Message[];
  /** Names rclone says it has copied. Says, not proves. */
  readonly copied: ReadonlySet<string>;
}

/**
 * Sends files to where `layout` says (name in the remote -> item), all by one rclone: it copies a directory of symlinks that lie as the objects shall. A process per object
 * would take 60 ms each, which is ten times as long as 64 kB take. Never rejects for what rclone meets; throws TRANSFER_ABORTED when told to stop and nothing runs any more,
 * TRANSFER_IO when no byte moved for too long: rclone goes on saying so every second.
 */
export async function copyLayout(remote: RcloneRemote, layout: ReadonlyMap<string, TransferItem>, extra: readonly string[], options: TransferOptions): Promise<CopyResult> {
  const dir = await makeLinkDirectory();
  try {
    for (const at of new Set([...layout.keys()].map((name) => dirname(join(dir, name))))) await mkdir(at, { recursive: true });
    for (const [name, { file }] of layout) await symlink(file, join(dir, name));
    const bytes = [...layout.values()].reduce((sum, item) => sum + item.bytes, 0);
    // --bwlimit holds for one process; several at once share the limit in that each ends no sooner than its bytes have had their time.
    const [result] = await Promise.all([startCopy(remote, dir, layout, extra, options), remote.options.bandwidth.write.take(bytes, options.signal)]);
    return result;
  } catch (thrown) {
    throw remote.translate(thrown, options.signal, remote.at(''));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function startCopy(remote: RcloneRemote, dir: string, layout: ReadonlyMap<string, TransferItem>, extra: readonly string[], options: TransferOptions): Promise<CopyResult> {
  const quiet = ['--ignore-checksum', '--copy-links', '--stats', '1s', '--stats-log-level', 'INFO', '-v'];
  const { program, args, ...rest } = remote.command(['copy', ...quiet, ...remote.limited('write'), ...extra, '--files-from-raw', '-', '--no-traverse', dir, remote.at('')]);
  const pipeline = remote.pipe({ program: 'sh', args: ['-c', BOTH, program, ...args], ...rest }, options.signal, { input: 'pipe' });
  const progress = new CopyProgress(layout, options.onProgress);
  const messages: Message[] = [];
  const watch = new StallWatch(remote.limits.silentMs, () => { pipeline.stop(); });
  const stalled = () => remote.hung(remote.at(''), 'rclone copy moved nothing any more', messages.map(({ text }) => text).join('\n'));
  try {
    pipeline.stdin?.end([...layout.keys()].map((name) => `${name}\n`).join(''));
    for await (const line of linesOf(pipeline.stdout as AsyncIterable<Buffer>)) {
      const message = parseMessage(line);
      if (message === null) continue;
      if (progress.take(message)) watch.moved();
      if (message.level !== 'info' && messages.length < MAX_MESSAGES) messages.push(message);
    }
  } catch (thrown) {
    pipeline.stop();
    throw watch.isStalled ? stalled() : toBwError(thrown);
  } finally {
    watch.end();
  }
  const [stage] = (await pipeline.done) as [StageResult];
  options.signal?.throwIfAborted();
  if (watch.isStalled) throw stalled();
  return { code: stage.status.code, messages, copied: progress.copied };
}
