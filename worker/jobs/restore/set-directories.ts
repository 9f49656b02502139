import { join } from 'node:path';
import { readRecordFile } from '../../../shared/index/line-file.js';
import { recordPath } from '../../../shared/index/record.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import type { RestoreProblem } from '../../../shared/runs/restore-result.js';
import type { WorkerContext } from '../../context.js';
import { stripAttributes } from '../../directory-metadata/strip-attributes.js';
import { directoryPasses } from './directory-passes.js';
import { extractPart } from './extract-part.js';
import { archiveOf } from './open-archive.js';
import { manifestOf, type OpenRestore } from './open-restore.js';
import { attributeProblems } from './problems.js';
import type { RestorePart } from './restore-plan.js';

/** Gives directories owner, mode, times, ACLs and attributes when all that is in them is there. `to`: absolute. */
export async function setDirectories(context: WorkerContext, restore: OpenRestore, to: string, signal: AbortSignal): Promise<RestoreProblem[]> {
  const problems: RestoreProblem[] = [];
  for (const part of directoryPasses(restore)) {
    if (hasOlder(restore)) problems.push(...(await strip(restore, part, to, signal)));
    const done = await extractPart({ context, restore, part, to, pass: 'directories', only: part.directories, signal });
    problems.push(...attributeProblems(archiveOf(manifestOf(restore, part.backupId), part.archive).name, done.problems));
  }
  return problems;
}

/** Whether a directory may have got attributes from an archive that only passed through it, with what it had before: in an older backup, or one that was consolidated. */
function hasOlder({ chain, plan }: OpenRestore): boolean {
  return plan.parts.length > 1 && chain.some(({ archives }) => archives.some(({ directoriesWithEa }) => directoriesWithEa > 0));
}

async function strip({ workDir }: OpenRestore, { directories }: RestorePart, to: string, signal: AbortSignal): Promise<RestoreProblem[]> {
  if (directories === null) return [];
  const problems: RestoreProblem[] = [];
  for await (const records of readRecordFile(join(workDir, directories))) {
    const { complaint } = await stripAttributes(bytePath.fromText(to), records.map(recordPath), signal);
    if (complaint !== null) problems.push({ where: 'attributes of directories', problem: complaint });
  }
  return problems;
}
