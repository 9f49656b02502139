import { appendFile, readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JournalTail, openJournal, type JournalEntry, type JournalProblem } from '../../../../shared/journal/index.js';
import { workspace } from '../../../helpers/workspace.js';

const T0 = Date.UTC(2026, 0, 1);
const held = (basepathId: string): JournalEntry => ({ kind: 'held', basepathId, backupId: null, reason: 'x' });
const seen: JournalEntry = { kind: 'basepath-seen-deleted', basepathId: 'x', path: 'x' };

function tailOf(dir: string): { problems: JournalProblem[]; read: () => Promise<string[]> } {
  const problems: JournalProblem[] = [];
  const tail = new JournalTail(dir, { kinds: ['held'], onProblem: (problem) => void problems.push(problem) });
  return { problems, read: async () => (await tail.read()).map(({ basepathId }) => basepathId) };
}

describe('JournalTail', () => {
  it('gives records of its kinds by time, of new files and of the ends of known ones', async () => {
    const dir = join(await workspace(), 'journal');
    const { problems, read } = tailOf(dir);
    expect(await read()).toEqual([]);
    let nowMs = T0;
    const first = await openJournal(dir, 'b', { now: () => nowMs });
    await first.appendAll([held('one'), seen, held('two')]);
    expect(await read()).toEqual(['one', 'two']);
    nowMs += 2;
    await first.append(held('four'));
    const second = await openJournal(dir, 'a', { now: () => T0 + 1 });
    await second.append(held('three'));
    expect(await read()).toEqual(['one', 'two', 'three', 'four']);
    await Promise.all([first.close(), second.close()]);
    expect(problems).toEqual([]);
  });

  it('reads nothing twice', async () => {
    const dir = join(await workspace(), 'journal');
    const { problems, read } = tailOf(dir);
    const journal = await openJournal(dir, 'w', { now: () => T0 });
    await journal.append(held('one'));
    await read();
    const file = join(dir, (await readdir(dir))[0] ?? '');
    const line = await readFile(file, 'utf8');
    await writeFile(file, `${'x'.repeat(line.length - 1)}\n${line.replace('one', 'two')}`);
    expect(await read()).toEqual(['one', 'two']);
    await appendFile(file, 'no record\n');
    await read();
    expect(problems).toMatchObject([{ kind: 'damaged', line: 3 }]);
    await journal.close();
  });

  it('takes a line that was being written when it has its end', async () => {
    const dir = join(await workspace(), 'journal');
    const { problems, read } = tailOf(dir);
    const journal = await openJournal(dir, 'w', { now: () => T0 });
    await journal.appendAll([held('one'), held('two')]);
    await journal.close();
    const file = join(dir, (await readdir(dir))[0] ?? '');
    const whole = await readFile(file, 'utf8');
    await truncate(file, whole.length - 9);
    expect(await read()).toEqual(['one']);
    expect(problems).toMatchObject([{ kind: 'torn', line: 2 }]);
    await appendFile(file, whole.slice(-9));
    expect(await read()).toEqual(['one', 'two']);
    expect(problems).toHaveLength(1);
  });
});
