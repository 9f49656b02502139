import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareStates, type CompareOptions } from '../../../../shared/index/compare-states.js';
import { endLine, formatRecord, keyLength, pathOfLine } from '../../../../shared/index/format.js';
import { readCompleteLines } from '../../../../shared/index/line-file.js';
import { recordPath, type IndexRecord } from '../../../../shared/index/record.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { run } from '../../../../shared/process/index.js';
import { workspace } from '../../../helpers/workspace.js';
import { collect, makeDirectory, makeRecord, makeRoot } from './make-record.js';

const PARENT = '01M8AG3RME11H1G53WJZA84PKE';
/** All records of make-record are older by years. */
const CAPTURED = Date.parse('2026-01-01T00:00:00Z');
const RACY = String(CAPTURED / 1000 - 10);

const saved = (record: IndexRecord, fields: Partial<IndexRecord> = {}): IndexRecord => ({ ...record, archive: record.name === '.' && record.dirname === '.' ? '0.1' : '1.1', ...fields });

interface Compared {
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  readonly old: readonly string[];
  readonly rootChanged: boolean;
  readonly counts: Awaited<ReturnType<typeof compareStates>>['counts'];
}

async function compare(before: readonly IndexRecord[], now: readonly IndexRecord[], options: Partial<CompareOptions> = {}): Promise<Compared> {
  const workDir = await workspace();
  const lines = before.map(formatRecord).sort();
  const file = join(workDir, 'parent.zst');
  const text = Buffer.from(`${[...lines, endLine(lines.length)].join('\0')}\0`, 'latin1');
  await writeFile(file, (await run({ program: 'zstd', args: ['-q', '-c'] }, { input: text })).stdout);
  async function* found(): AsyncGenerator<string[]> {
    yield await Promise.resolve(now.map(formatRecord).sort());
  }
  const difference = await compareStates({
    layers: [{ file, backupId: PARENT, capturedAtMs: CAPTURED }],
    lines: found(),
    unlisted: new Set(),
    exclude: [],
    racyWindowMs: 60_000,
    workDir,
    ...options,
  });
  const changed = (await collect(difference.changed)).map(recordPath).filter((path) => path !== '.').sort();
  const removed = (await collect(difference.removed)).sort();
  const short = async (name: string) => (await collect(readCompleteLines(name))).map((line) => `${pathOfLine(line)} ${line.length === keyLength(line) + 1 ? 'gone' : line.split(' ').slice(-2).join(' ')}`).sort();
  return { changed, removed, kept: await short(difference.keptFile), old: await short(difference.oldFile), rootChanged: difference.rootChanged, counts: difference.counts };
}

const root = makeRoot();
const dir = makeDirectory('d');
const sub = makeDirectory('d/sub');
const file = makeRecord('d/sub/f');
const other = makeRecord('d/other');
const BEFORE = [root, dir, sub, file, other].map((record) => saved(record));

describe('compareStates', () => {
  it('finds nothing where nothing changed, whatever the device number is, and blocks', async () => {
    const now = [root, dir, sub, { ...file, inode: file.inode.replace(/^\d+/, '7'), blocks: '16' }, other];
    expect(await compare(BEFORE, now)).toEqual({ changed: [], removed: [], kept: [], old: [], rootChanged: false, counts: { records: 5, directories: 3, sourceBytes: '20', changed: 0, removed: 0, existing: 0, before: 5 } });
  });

  it.each<[string, Partial<IndexRecord>]>([
    ['size', { size: '11' }],
    ['mtime, in its last digit', { mtime: '1700000000.1234567900' }],
    ['ctime', { ctime: '1700000001.0' }],
    ['inode', { inode: '65024:77' }],
  ])('saves what differs in %s, and the directories above it', async (_, change) => {
    const found = await compare(BEFORE, [root, dir, sub, { ...file, ...change }, other]);
    expect(found).toMatchObject({ changed: ['d', 'd/sub', 'd/sub/f'], removed: [], kept: [], old: [`d/sub/f x 1.1@${PARENT}`] });
  });

  it('saves what is new, racy or flagged; a time before 1970 alone is no reason', async () => {
    const racy = makeRecord('racy', { mtime: `${RACY}.0` });
    const racyChange = makeRecord('racy-ctime', { ctime: `${RACY}.0` });
    const older = makeRecord('older', { mtime: `${CAPTURED / 1000 - 61}.0` });
    const flagged = ['x', 'c', 'u', 'e'].map((flags) => [makeRecord(`flag-${flags}`), flags] as const);
    const lost = makeRecord('lost-time', { mtime: '-100.0' });
    const all = [...BEFORE, saved(racy), saved(racyChange), saved(older), ...flagged.map(([record, flags]) => saved(record, { flags })), saved(lost, { flags: 't' })];
    const now = [root, dir, sub, file, other, racy, racyChange, older, ...flagged.map(([record]) => record), lost, makeRecord('new')];
    expect((await compare(all, now)).changed).toEqual(['flag-c', 'flag-e', 'flag-u', 'flag-x', 'new', 'racy', 'racy-ctime']);
  });

  it('removes what is gone, and takes only the top of it away', async () => {
    const gone = await compare(BEFORE, [root, other, { ...dir, mtime: '1800000000.0' }]);
    expect(gone).toMatchObject({ changed: ['d'], removed: ['d/sub'], kept: ['d/sub gone', 'd/sub/f gone'], counts: { removed: 2 } });
    const untouched = await compare(BEFORE, [root, dir, sub, other]);
    expect(untouched).toMatchObject({ changed: ['d', 'd/sub'], removed: ['d/sub/f'], kept: ['d/sub/f gone'] });
    const neverSaved = await compare([...BEFORE, makeRecord('never')], [root, dir, sub, file, other]);
    expect(neverSaved).toMatchObject({ changed: [], removed: [], kept: ['never gone'] });
  });

  it('what changes its type is removed and saved anew', async () => {
    const asFile = await compare(BEFORE, [root, dir, makeRecord('d/sub'), other]);
    expect(asFile).toMatchObject({ changed: ['d', 'd/sub'], removed: ['d/sub'], kept: ['d/sub gone', 'd/sub/f gone'], old: [] });
    const asLink = await compare(BEFORE, [root, dir, sub, { ...file, type: 'l' }, other]);
    expect(asLink).toMatchObject({ changed: ['d', 'd/sub', 'd/sub/f'], removed: ['d/sub/f'], kept: ['d/sub/f gone'], old: [] });
    const asDirectory = await compare(BEFORE, [root, dir, sub, file, makeDirectory('d/other')]);
    expect(asDirectory).toMatchObject({ changed: ['d', 'd/other'], removed: ['d/other'], kept: ['d/other gone'], old: [] });
  });

  it('saves every name of a changed inode, and counts its content once', async () => {
    const [one, two, three] = ['d/one', 'd/sub/two', 'three'].map((path) => makeRecord(path, { inode: '65024:50', nlink: 3, size: '100' })) as [IndexRecord, IndexRecord, IndexRecord];
    const before = [...BEFORE, saved(one), saved(two), saved(three)];
    expect((await compare(before, [root, dir, sub, file, other, one, two, three])).changed).toEqual([]);
    const changed = await compare(before, [root, dir, sub, file, other, { ...one, mtime: '1800000000.0' }, two, three]);
    expect(changed).toMatchObject({ changed: ['d', 'd/one', 'd/sub', 'd/sub/two', 'three'], old: [`d/one x 1.1@${PARENT}`], counts: { sourceBytes: '120' } });
  });

  it('saves all names of an inode when one lies with a changed path below a name that no list can carry', async () => {
    const unit = makeDirectory('new\nline');
    const inside = makeRecord('new\nline/f');
    const linked = ['new\nline/one', 'cr\r', 'd/three'].map((path) => makeRecord(path, { inode: '65024:50', nlink: 3 }));
    const alsoLinked = ['cr\r/x', 'plain'].map((path) => makeRecord(path, { inode: '65024:51', nlink: 2 }));
    const before = [root, dir, unit, inside, ...linked, ...alsoLinked];
    const parent = before.map((record) => saved(record));
    expect((await compare(parent, before)).changed).toEqual([]);
    const changed = before.map((record) => (record === inside ? { ...inside, size: '9' } : record));
    expect((await compare(parent, changed)).changed).toEqual(['cr\r', 'cr\r/x', 'd', 'd/three', 'new\nline', 'new\nline/f', 'new\nline/one', 'plain']);
    const removed = before.filter((record) => record !== inside);
    expect((await compare(parent, removed)).changed).toEqual(['cr\r', 'cr\r/x', 'd', 'd/three', 'new\nline', 'new\nline/one', 'plain']);
  });

  it('removes nothing below a directory that could not be listed: it is carried over, flagged, once', async () => {
    const unlisted = { unlisted: new Set([bytePath.of('d/sub')]) };
    const now = [root, dir, { ...sub, flags: 'u' }, other];
    expect(await compare(BEFORE, now, unlisted)).toMatchObject({ changed: ['d', 'd/sub'], removed: [], kept: [`d/sub/f x 1.1@${PARENT}`] });
    const carried = BEFORE.map((record) => (record.name === 'f' ? { ...record, flags: 'x', archive: `1.1@${PARENT}` } : record));
    expect(await compare(carried, now, unlisted)).toMatchObject({ removed: [], kept: [] });
    expect(await compare(carried, [root, dir, sub, file, other])).toMatchObject({ changed: ['d', 'd/sub', 'd/sub/f'] });
  });

  it('removes nothing that is excluded now: it is carried over, flagged, once; and removed when it is gone later', async () => {
    const now = [root, dir, other];
    expect(await compare(BEFORE, now, { exclude: ['sub'] })).toMatchObject({ changed: [], removed: [], kept: [`d/sub e 1.1@${PARENT}`, `d/sub/f e 1.1@${PARENT}`] });
    const carried = BEFORE.map((record) => (recordPath(record).startsWith('d/sub') ? { ...record, flags: 'e' } : record));
    expect(await compare(carried, now, { exclude: ['sub'] })).toMatchObject({ removed: [], kept: [] });
    expect(await compare(carried, now)).toMatchObject({ removed: ['d/sub'], kept: ['d/sub gone', 'd/sub/f gone'] });
  });

  it('tells whether the basepath directory itself changed', async () => {
    expect((await compare(BEFORE, [{ ...root, mtime: '1800000000.0' }, dir, sub, file, other])).rootChanged).toBe(true);
    expect((await compare(BEFORE, [{ ...root, ctime: '1800000000.0' }, dir, sub, file, other])).rootChanged).toBe(true);
  });

  it('counts a name once that a changing directory yields twice', async () => {
    const fresh = makeRecord('d/fresh');
    expect((await compare(BEFORE, [root, dir, sub, file, other, fresh, fresh])).counts).toMatchObject({ records: 6, changed: 2 });
  });
});
