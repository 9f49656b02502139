import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import type { RestoreProblem } from '../../../shared/runs/restore-result.js';

/**
 * What only dar can tell: attributes it could not restore (exit code 0, and a listing of the tree does not show them).
 * Everything else is looked for in the restored tree itself.
 */
const ATTRIBUTES = /Restoration of (EA|FSA)|Error while (adding|setting|removing|restoring)[^:]*(EA|FSA|ACL|attribute)/i;

/** dar's messages about attributes (raw bytes, paths in them) as printable problems. */
export function attributeProblems(where: string, lines: readonly Buffer[]): RestoreProblem[] {
  const texts = lines.map((line) => showPath(bytePath.fromBuffer(line)));
  return texts.filter((text) => ATTRIBUTES.test(text)).map((problem) => ({ where, problem }));
}
