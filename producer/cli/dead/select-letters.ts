import { BwError } from '../../../shared/errors/bw-error.js';
import type { DeadLetter } from '../../../shared/dead-letters/dead-letter.js';
import type { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { usage } from '../site.js';

export interface Selection {
  /** Error code. */
  readonly reason?: string;
  readonly topdir?: string;
}

/** Those of an error code and below a directory, where given (pure). */
export function selectLetters(letters: readonly DeadLetter[], { reason, topdir }: Selection): DeadLetter[] {
  const below = topdir === undefined ? '' : `${bytePath.fromText(topdir.replace(/\/+$/, ''))}/`;
  return letters.filter((letter) => (reason === undefined || letter.code === reason) && `${fromPathJson(letter.path)}/`.startsWith(below));
}

/** By name, or all that fit. Throws USAGE where neither is said, DEAD_LETTER_*. */
export async function chosenLetters(letters: DeadLetters, names: readonly string[], selection: Selection): Promise<DeadLetter[]> {
  if (names.length > 0) return Promise.all(names.map((name) => letters.find(name)));
  if (selection.reason === undefined && selection.topdir === undefined) throw usage('which dead letters?', 'Give ids, or --reason CODE, or --topdir DIR: see `bw-bkup dead list`.');
  const chosen = selectLetters(await letters.all(), selection);
  if (chosen.length > 0) return chosen;
  throw new BwError('DEAD_LETTER_UNKNOWN', {
    message: 'there is no such dead letter',
    subject: [selection.reason, selection.topdir].filter((each) => each !== undefined).join(' below '),
    retry: 'permanent',
    hint: 'It may be settled by a later backup. See `bw-bkup dead list`.',
  });
}
