import { BwError } from '../../../shared/errors/bw-error.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { startPipeline, tailText } from '../../../shared/process/index.js';

const TAR_METADATA = ['--no-recursion', '--acls', '--xattrs', '--xattrs-include=*', '--format=posix', '--numeric-owner'];

/**
 * Gives directory `to` owner, mode, ACLs, xattrs and times of directory `from`, nothing below either. GNU tar carries
 * all of these for a single directory in two processes. Throws METADATA_COPY_FAILED.
 */
export async function applyRootMetadata(from: BytePath, to: BytePath): Promise<void> {
  const pack = { program: 'tar', args: [...TAR_METADATA, '-cf', '-', '-C', bytePath.toBuffer(from), '.'] };
  const unpack = { program: 'tar', args: ['--acls', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-xpf', '-', '-C', bytePath.toBuffer(to)] };
  const pipeline = startPipeline([pack, unpack]);
  pipeline.stdout.resume();
  const stages = await pipeline.done;
  const failed = stages.find((stage) => stage.status.code !== 0);
  if (failed === undefined) return;
  throw new BwError('METADATA_COPY_FAILED', {
    message: 'owner, mode, ACLs or xattrs of a directory could not be copied',
    subject: to,
    detail: tailText(failed.stderr),
    retry: 'retry',
    hint: 'Run as root; the target filesystem must support ACLs and extended attributes.',
  });
}
