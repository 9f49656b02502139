import { toBwError, type BwError } from '../../../shared/errors/bw-error.js';
import { MAX_PROBLEMS, type RestoreProblem } from '../../../shared/runs/restore-result.js';

/** What a verification found so far. */
export class Findings {
  objects = 0;
  readObjects = 0;
  readBytes = 0;
  recalledObjects = 0;
  recalledBytes = 0;
  files = 0;
  filesLikeSource = 0;
  problemCount = 0;
  readonly #problems: RestoreProblem[] = [];

  get problems(): readonly RestoreProblem[] {
    return this.#problems;
  }

  add(where: string, problem: string): void {
    this.problemCount += 1;
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ where, problem });
  }

  /** `unlisted`: problems that are only counted. */
  addAll(problems: readonly RestoreProblem[], unlisted = 0): void {
    for (const { where, problem } of problems) this.add(where, problem);
    this.problemCount += unlisted;
  }

  read(bytes: number, tape: boolean): void {
    this.readObjects += 1;
    this.readBytes += bytes;
    if (!tape) return;
    this.recalledObjects += 1;
    this.recalledBytes += bytes;
  }
}

/** Errors that say what was backed up is not as it should be; every other one says that the verification could not be done. */
const DAMAGE: ReadonlySet<string> = new Set([
  'CHAIN_BROKEN', 'DAR_ARCHIVE_DAMAGED', 'DAR_EXTRACT_FAILED', 'INDEX_DAMAGED', 'MANIFEST_DAMAGED', 'MANIFEST_MISSING',
  'RESTORE_ARCHIVE_UNKNOWN', 'RESTORE_BACKUP_UNKNOWN', 'RESTORE_OBJECT_CORRUPT', 'RESTORE_OBJECT_MISSING',
]);

/** Does something that may find damage, which becomes a finding. Throws what is none. Returns null then. */
export async function noting<T>(findings: Findings, where: string, act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (thrown) {
    const error = toBwError(thrown);
    if (!DAMAGE.has(error.code)) throw thrown;
    findings.add(where, textOf(error));
    return null;
  }
}

function textOf(error: BwError): string {
  return `${error.code}: ${error.message}${error.subject === undefined ? '' : ` [${error.subject}]`}`;
}
