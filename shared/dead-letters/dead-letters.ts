import { BwError } from '../errors/bw-error.js';
import type { QueueSet } from '../queues/queue-set.js';
import { deadLetterSchema, settles, type DeadLetter } from './dead-letter.js';

/** Read per round trip. */
const PAGE = 500;

/**
 * The dead-letter queue: no worker takes from it. A letter's job id follows from its run, so that a run has at most one, whoever reports its
 * failure and how often.
 */
export class DeadLetters {
  constructor(private readonly queues: QueueSet) {}

  async add(letter: DeadLetter): Promise<void> {
    await this.queues.deadLetter.add(letter.kind, deadLetterSchema.parse(letter), { jobId: jobIdOf(letter.runId), attempts: 1 });
  }

  /** Oldest first. */
  async all(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for (let at = 0; ; at += PAGE) {
      const jobs = await this.queues.deadLetter.getJobs(['waiting'], at, at + PAGE - 1, true);
      // BullMQ types entries as present, but one that was removed meanwhile leaves a hole.
      for (const job of jobs as ((typeof jobs)[number] | undefined)[]) if (job !== undefined) letters.push(deadLetterSchema.parse(job.data));
      if (jobs.length < PAGE) return letters;
    }
  }

  /** By id of the run, or its first letters. Throws DEAD_LETTER_UNKNOWN, DEAD_LETTER_AMBIGUOUS. */
  async find(name: string): Promise<DeadLetter> {
    const found = (await this.all()).filter(({ runId }) => runId.startsWith(name.toUpperCase()));
    const [letter] = found;
    if (letter !== undefined && found.length === 1) return letter;
    const none = letter === undefined;
    throw new BwError(none ? 'DEAD_LETTER_UNKNOWN' : 'DEAD_LETTER_AMBIGUOUS', {
      message: none ? 'there is no such dead letter' : `${found.length} dead letters begin like that`,
      subject: name,
      retry: 'permanent',
      hint: none ? 'It may be settled by a later backup. See `bw-bkup dead list`.' : 'Give more of its id: see `bw-bkup dead list`.',
    });
  }

  /** No effect on those that are gone. */
  async remove(runIds: readonly string[]): Promise<void> {
    for (const runId of runIds) await this.queues.deadLetter.remove(jobIdOf(runId));
  }

  /** After a backup of this level has sealed: takes away what it makes good. Returns the runs these letters were of. */
  async settle(level: 'full' | 'differential' | 'incremental', basepathId: string): Promise<string[]> {
    const settled = (await this.all()).filter((letter) => settles(level, basepathId, letter));
    const runIds = settled.map(({ runId }) => runId);
    await this.remove(runIds);
    return runIds;
  }
}

function jobIdOf(runId: string): string {
  return `dead.${runId}`;
}
