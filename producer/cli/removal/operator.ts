import { userInfo } from 'node:os';
import { openJournal, writerName, type Journal, type JournalEntry } from '../../../shared/journal/index.js';
import type { Site } from '../site.js';

/** Whoever called the command, for the journal; undefined where the system has no name for this user. */
export function operatorName(): string | undefined {
  const sudo = process.env.SUDO_USER;
  if (sudo !== undefined && sudo !== '') return sudo;
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** `user` as a field of a record, or nothing. */
export function byOperator(): { user?: string } {
  const user = operatorName();
  return user === undefined ? {} : { user };
}

/** Does something with a journal of its own. */
export async function withJournal<T>({ catalog, config }: Pick<Site, 'catalog' | 'config'>, work: (journal: Journal) => Promise<T>): Promise<T> {
  const journal = await openJournal(catalog.journalDir, writerName(config.host, process.pid));
  try {
    return await work(journal);
  } finally {
    await journal.close();
  }
}

/** Puts what an operator decided on record. */
export function record(site: Pick<Site, 'catalog' | 'config'>, entries: readonly JournalEntry[]): Promise<void> {
  return withJournal(site, (journal) => journal.appendAll(entries));
}
