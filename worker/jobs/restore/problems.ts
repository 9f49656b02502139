import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import type { RestoreProblem } from '../../../shared/runs/restore-result.js';

/** dar's problem lines (raw bytes, paths in them) as printable ones. */
export function printableProblems(where: string, lines: readonly Buffer[]): RestoreProblem[] {
  return lines.map((line) => ({ where, problem: showPath(bytePath.fromBuffer(line)) }));
}
