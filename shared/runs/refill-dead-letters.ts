import { readBasepaths } from '../basepaths/index.js';
import { DeadLetters } from '../dead-letters/dead-letters.js';
import { lettersFromJournal } from '../dead-letters/from-journal.js';
import { readJournal } from '../journal/index.js';
import type { QueueSet } from '../queues/queue-set.js';

/** After Redis was lost: the letters that the journal knows of. Those that are there stay as they are. Lines that cannot be used are told by whoever reads the journal otherwise. */
export async function refillDeadLetters(queues: QueueSet, journalDir: string): Promise<void> {
  const basepaths = await readBasepaths(journalDir, () => undefined);
  const letters = new DeadLetters(queues);
  for (const letter of await lettersFromJournal(readJournal(journalDir, { kinds: ['attempt-ended', 'dismissed'], onProblem: () => undefined }), basepaths)) await letters.add(letter);
}
