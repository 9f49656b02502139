export { writerName } from './file-name.js';
export { openJournal, type Journal, type JournalOptions } from './journal.js';
export { JournalProblems, type JournalProblem } from './problems.js';
export { readJournal, type ReadJournalOptions } from './read-journal.js';
export { JournalTail, type JournalTailOptions } from './tail.js';
export { JOURNAL_VERSION, type JournalEntry, type JournalKind, type JournalRecord, type RecordOf } from './record.js';
