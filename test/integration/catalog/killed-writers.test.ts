import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCatalog } from '../../../shared/catalog/index.js';
import { JournalProblems, openJournal, readJournal } from '../../../shared/journal/index.js';
import { workspace } from '../../helpers/workspace.js';
import { BASEPATH, backupIdOf, sampleRequest } from '../../unit/shared/catalog/sample-backup.js';
import { compileInto, runModule } from './compiled.js';

/** Appends from 20 loops at once, notes each acknowledged record, and kills itself at the given acknowledgement. */
const APPENDER = `
import { openSync, writeSync } from 'node:fs';
import { openJournal } from './shared/journal/index.js';
const [dir, acknowledged, killAt] = process.argv.slice(2);
const journal = await openJournal(dir, 'child-' + killAt, { rotateBytes: 20_000 });
const file = openSync(acknowledged, 'w');
let count = 0;
const loop = async (name) => {
  for (let index = 0; ; index += 1) {
    const reason = name + '.' + index;
    await journal.append({ kind: 'operator', act: 'note', reason: reason + ' ' + 'x'.repeat(index * 97 % 5000) });
    writeSync(file, reason + '\\n');
    if (++count === Number(killAt)) process.kill(process.pid, 'SIGKILL');
  }
};
await Promise.all(Array.from({ length: 20 }, (_, index) => loop('loop' + index)));
`;

/** Seals one request; exit code 0 = sealed, 3 = taken. killAt > 0: SIGKILL right before that change to the disk. */
const SEALER = `
import { readFileSync } from 'node:fs';
import { openCatalog, realDisk } from './shared/catalog/index.js';
const [root, requestFile, killAt] = process.argv.slice(2);
let step = 0;
const disk = Object.fromEntries(Object.entries(realDisk).map(([name, act]) => [name, (...args) => {
  if (++step === Number(killAt)) process.kill(process.pid, 'SIGKILL');
  return act(...args);
}]));
const catalog = await openCatalog(root, { disk });
const result = await catalog.seal(JSON.parse(readFileSync(requestFile, 'utf8')));
process.exitCode = result === 'sealed' ? 0 : 3;
`;

let compiled: string;
beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'bw-test-'));
  await compileInto(compiled);
});
afterAll(() => rm(compiled, { recursive: true, force: true }));

describe('a journal whose writer is killed', () => {
  it.each(['1', '33', '400'])('keeps every acknowledged record and stays readable (killed at %s)', async (killAt) => {
    const dir = await workspace();
    const journalDir = join(dir, 'journal');
    expect(await runModule(compiled, APPENDER, [journalDir, join(dir, 'acknowledged'), killAt])).toBeNull();
    const problems = new JournalProblems();
    const found = new Set<string>();
    for await (const record of readJournal(journalDir, { onProblem: problems.add })) if (record.kind === 'operator') found.add(record.reason.split(' ')[0] ?? '');
    const acknowledged = (await readFile(join(dir, 'acknowledged'), 'utf8')).trim().split('\n');
    expect(acknowledged).toHaveLength(Number(killAt));
    expect(acknowledged.filter((reason) => !found.has(reason))).toEqual([]);
    expect(problems.counts).toMatchObject({ damaged: 0, unknown: 0, unreadable: 0 });
    expect(problems.counts.torn).toBeLessThanOrEqual(1);
    const next = await openJournal(journalDir, 'next');
    await next.append({ kind: 'operator', act: 'note', reason: 'after' });
    await next.close();
    let last = '';
    for await (const record of readJournal(journalDir, { onProblem: () => undefined })) last = record.kind === 'operator' ? record.reason : '';
    expect(last).toBe('after');
  });
});

describe('a seal', () => {
  it('is made by exactly one of several processes', async () => {
    const dir = await workspace();
    const root = join(dir, 'catalog');
    const catalog = await openCatalog(root);
    const requests = await Promise.all(['1aa', '2bb', '3cc', '4dd'].map(async (start) => {
      const request = await sampleRequest(join(dir, start), { backupId: backupIdOf(1), start });
      await writeFile(join(dir, `${start}.json`), JSON.stringify(request));
      return { start, request };
    }));
    const codes = await Promise.all(requests.map(({ start }) => runModule(compiled, SEALER, [root, join(dir, `${start}.json`), '0'], [0, 3])));
    expect([...codes].sort()).toEqual([0, 3, 3, 3]);
    const winner = requests[codes.indexOf(0)]?.request.manifest;
    const sealed = await catalog.readManifest(BASEPATH, backupIdOf(1));
    expect(sealed).toEqual(winner);
    expect(await catalog.checkBackup(sealed)).toEqual([]);
  });

  it('killed by SIGKILL before, and after, the link leaves nothing, or a sound backup', async () => {
    const outcomes: string[] = [];
    for (const killAt of ['5', '7', '10', '13', '15', '16', '17', '18']) {
      const dir = await workspace();
      await mkdir(join(dir, 'work'));
      const root = join(dir, 'catalog');
      const catalog = await openCatalog(root);
      const request = await sampleRequest(join(dir, 'work'));
      await writeFile(join(dir, 'request.json'), JSON.stringify(request));
      expect(await runModule(compiled, SEALER, [root, join(dir, 'request.json'), killAt])).toBeNull();
      await catalog.sweepUnsealed({ olderThanMs: 1, now: Date.now() + 60_000, inFlight: () => false });
      const left = await readdir(join(root, 'backups', BASEPATH)).catch(() => []);
      if (left.length > 0) expect(await catalog.checkBackup(request.manifest)).toEqual([]);
      outcomes.push(left.length === 0 ? 'nothing' : 'sealed');
    }
    expect(outcomes).toEqual([...outcomes].sort());
    expect(new Set(outcomes)).toEqual(new Set(['nothing', 'sealed']));
  });
});
