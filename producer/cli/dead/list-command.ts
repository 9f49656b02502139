import { groupByCause, type Cause, type DeadLetter } from '../../../shared/dead-letters/dead-letter.js';
import { DeadLetters } from '../../../shared/dead-letters/dead-letters.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { formatAge } from '../../../shared/terminal/index.js';
import { plural, print, printJson } from '../print.js';
import { openSession, type StartLocal } from '../session.js';
import { openSite, type CommonOptions } from '../site.js';
import { deadListOutput, deadShowOutput } from './outputs.js';
import { selectLetters, type Selection } from './select-letters.js';

/** `bw-bkup dead list`: what failed for good, by cause. */
export async function deadListCommand(options: CommonOptions & Selection, startLocal: StartLocal): Promise<number> {
  const all = await withLetters(options, startLocal, (letters) => letters.all());
  const letters = selectLetters(all, options);
  const causes = groupByCause(letters);
  if (options.json === true) printJson(deadListOutput, { v: 1, causes: causes.map(causeRow), letters: causes.flatMap((cause) => cause.letters.map(letterRow)) });
  else printCauses(causes);
  return EXIT.ok;
}

/** `bw-bkup dead show ID`: all that is known of one. */
export async function deadShowCommand(name: string, options: CommonOptions, startLocal: StartLocal): Promise<number> {
  const letter = await withLetters(options, startLocal, (letters) => letters.find(name));
  if (options.json === true) printJson(deadShowOutput, letter);
  else print(describe(letter));
  return EXIT.ok;
}

async function withLetters<T>(options: CommonOptions, startLocal: StartLocal, read: (letters: DeadLetters) => Promise<T>): Promise<T> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const session = await openSession(site, options, startLocal, 'redis');
  try {
    return await read(new DeadLetters(session.queues));
  } finally {
    await session.close();
  }
}

function causeRow({ code, message, hint, letters }: Cause): { code: string; count: number; message: string; hint: string | null } {
  return { code, count: letters.length, message, hint };
}

function letterRow(letter: DeadLetter): Omit<DeadLetter, 'v' | 'last'> {
  const { runId, kind, basepathId, path, level, startedAt, failedAt, code, message } = letter;
  return { runId, kind, basepathId, path, level, startedAt, failedAt, code, message };
}

/** Shown of each cause; the rest is counted. */
const SHOWN = 10;

function printCauses(causes: readonly Cause[]): void {
  if (causes.length === 0) print('No dead letters.');
  for (const { code, message, hint, letters } of causes) {
    print(`${code}: ${message} (${plural(letters.length, 'dead letter')})`);
    if (hint !== null) print(`  -> ${hint}`);
    for (const letter of letters.slice(0, SHOWN)) print(`  ${letter.runId}  ${letter.level} of ${showPath(fromPathJson(letter.path))}, ${formatAge(Date.parse(letter.failedAt), Date.now())}`);
    if (letters.length > SHOWN) print(`  and ${plural(letters.length - SHOWN, 'more', 'more')}`);
    print(`  again: bw-bkup dead retry --reason ${code}`);
  }
}

function describe({ runId, kind, level, path, basepathId, code, message, startedAt, failedAt, last }: DeadLetter): string {
  const subject = last?.subject ?? null;
  const said = last === null ? [] : [
    `at       attempt ${last.attempt} of ${last.job} on ${last.host}, ${last.at}`,
    ...(subject === null ? [] : [`subject  ${subject}`]),
    ...(last.detail === null ? [] : ['said', ...last.detail.split('\n').map((line) => `  ${line}`)]),
    `to do    ${last.hint}`,
  ];
  return [
    `${kind === 'restore' ? 'Restore' : 'Backup'} ${runId} (${level}) of ${showPath(fromPathJson(path))} (${basepathId})`,
    `failed   ${failedAt}, begun ${startedAt}`,
    `reason   ${code}: ${message}`,
    ...said,
    `again    ${kind === 'restore' ? `bw-bkup restore ${basepathId} --to DIR --resume, with the backup and paths of then` : `bw-bkup dead retry ${runId}`}`,
    `settled  ${kind === 'restore' ? '' : 'by the next backup of this basepath that seals, or '}by bw-bkup dead dismiss ${runId}`,
  ].join('\n');
}
