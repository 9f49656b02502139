import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inspectRoot } from '../../../shared/index/inspect-root.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { scan, type Scan } from '../../../shared/index/scan.js';
import { bytePath, type BytePath } from '../../../shared/paths/byte-path.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { workspace } from '../../helpers/workspace.js';
import { collect } from '../../unit/shared/index/make-record.js';

interface Listed extends Omit<Scan, 'records'> {
  readonly records: Map<string, IndexRecord>;
  readonly order: string[];
}

async function listTree(root: BytePath, exclude: readonly string[] = []): Promise<Listed> {
  const tempDir = await workspace();
  const { records, ...rest } = await scan({ root, exclude, tempDir });
  const all = await collect(records);
  expect(readdirSync(tempDir)).toEqual([]);
  return { ...rest, records: new Map(all.map((record) => [recordPath(record), record])), order: all.map(recordPath) };
}

async function makeTree(): Promise<string> {
  const tree = join(await workspace(), 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(tree, 'a/file'), '12345');
  writeFileSync(join(tree, 'a/.hidden'), '');
  symlinkSync('b', join(tree, 'a/link'));
  linkSync(join(tree, 'a/file'), join(tree, 'z'));
  return tree;
}

it('lists a tree in index order, the root first of its directory', async () => {
  const tree = await makeTree();
  utimesSync(join(tree, 'z'), 0, 12.25);
  const found = await listTree(bytePath.fromText(tree));
  expect(found.order).toEqual(['.', 'z', 'a', 'a/.hidden', 'a/file', 'a/link', 'a/b']);
  expect(found).toMatchObject({ paths: 7, vanished: 0, exceptions: [] });
  expect(found.records.get('.')).toMatchObject({ dirname: '.', name: '.', type: 'd' });
  expect(found.records.get('z')).toMatchObject({ type: 'f', size: '5', nlink: 2, mtime: '12.2500000000', inode: found.records.get('a/file')?.inode, flags: '', archive: '' });
  expect(found.records.get('a/link')?.type).toBe('l');
});

it('reports progress and sorts what exceeds its memory by a program', async () => {
  const tree = await makeTree();
  const name = 'x'.repeat(200);
  for (let i = 0; i < 15_000; i += 1) writeFileSync(join(tree, `${name}${(i * 7919) % 15_000}`), '');
  const seen: number[] = [];
  const found = await scan({ root: bytePath.fromText(tree), exclude: [], tempDir: await workspace(), onProgress: (paths) => seen.push(paths) });
  const order = (await collect(found.records)).map((record) => `${record.dirname}//${record.name}/`);
  expect(order.length).toBe(15_007);
  expect(order).toEqual([...order].sort());
  expect(seen.at(-1)).toBe(15_007);
  expect(seen.length).toBeGreaterThan(5);
});

it('keeps every byte of names', async () => {
  const dir = Buffer.from(join(await workspace(), 'r\xff\n'), 'latin1');
  mkdirSync(dir);
  const names = ['new\nline', 'cr\r', '\xff\xfe', ' ', '-dash', "quo'te\\", 'x'.repeat(255), '*', '\x01'];
  for (const name of names) writeFileSync(Buffer.concat([dir, Buffer.from(`/${name}`, 'latin1')]), '');
  const found = await listTree(bytePath.fromBuffer(dir));
  expect(found.order).toEqual(['.', ...names].sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1)));
});

it('excludes by name and by path, never the root', async () => {
  const tree = bytePath.fromText(await makeTree());
  expect((await listTree(tree, ['.*'])).order).toEqual(['.', 'z', 'a', 'a/file', 'a/link', 'a/b']);
  expect((await listTree(tree, ['b', 'z'])).order).toEqual(['.', 'a', 'a/.hidden', 'a/file', 'a/link']);
  expect((await listTree(tree, ['/a/fi*', './a/b/'])).order).toEqual(['.', 'z', 'a', 'a/.hidden', 'a/link']);
  expect((await listTree(tree, ['file/'])).order).toContain('a/file');
});

it('does not follow a link out of the tree, nor a loop of links', async () => {
  const tree = await makeTree();
  symlinkSync('.', join(tree, 'loop'));
  symlinkSync('/', join(tree, 'out'));
  expect((await listTree(bytePath.fromText(tree))).paths).toBe(9);
});

it('describes the root', async () => {
  const tree = await makeTree();
  const facts = await inspectRoot(bytePath.fromText(tree));
  expect(facts).toEqual({
    device: expect.stringMatching(/^\d+$/) as string,
    inode: (await listTree(bytePath.fromText(tree))).records.get('.')?.inode.split(':')[1],
    owner: '0',
    fsType: expect.stringMatching(/./) as string,
    fsId: expect.stringMatching(/^[0-9a-f]+$/) as string,
  });
});

it('names the ways in which a source is not there', async () => {
  const tree = await makeTree();
  const path = (name: string): BytePath => bytePath.fromText(join(tree, name));
  await expect(inspectRoot(path('missing'))).rejects.toMatchObject({ code: 'SOURCE_MISSING', retry: 'operator' });
  await expect(inspectRoot(path('z/below a file'))).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
  await expect(inspectRoot(path('z'))).rejects.toMatchObject({ code: 'SOURCE_NOT_A_DIRECTORY' });
  await expect(inspectRoot(path('a/link'))).rejects.toMatchObject({ code: 'SOURCE_NOT_A_DIRECTORY' });
  await expect(listTree(path('a/b'))).rejects.toMatchObject({ code: 'SOURCE_EMPTY', hint: expect.stringContaining('mounted') as string });
  await expect(listTree(path('missing'))).rejects.toMatchObject({ code: 'INDEX_VOID' });
});

it('does not wait for a filesystem that hangs', async () => {
  await fakeProgram('stat', 'trap "" TERM; exec sleep 100');
  await expect(inspectRoot(bytePath.fromText('/'), { timeoutMs: 200 })).rejects.toMatchObject({ code: 'SOURCE_HUNG' });
});

/** find as an ordinary user, whom root's tree may refuse. */
const asNobody = (): Promise<void> => fakeProgram('find', 'PATH=/usr/bin:/bin; exec setpriv --reuid=65534 --clear-groups find "$@"');

it('flags what could not be listed and names it', async () => {
  const tree = await makeTree();
  const secret = Buffer.from(`${tree}/se\ncret`);
  mkdirSync(secret, 0o700);
  mkdirSync(join(tree, 'names-only'));
  writeFileSync(join(tree, 'names-only/x'), '');
  chmodSync(join(tree, 'names-only'), 0o644);
  chmodSync(join(tree, '..'), 0o755);
  await asNobody();
  const found = await listTree(bytePath.fromText(tree));
  expect(found.exceptions).toEqual(expect.arrayContaining([
    { path: 'se\ncret', reason: 'directory could not be listed', detail: 'Permission denied' },
    { path: 'names-only/x', reason: 'could not be examined', detail: 'Permission denied' },
  ]));
  expect(found.exceptions.length).toBe(2);
  expect(found.records.has('names-only/x')).toBe(false);
  const flagged = [...found.records.values()].filter((record) => record.flags !== '').map((record) => [record.flags, recordPath(record)]);
  expect(flagged).toEqual([['u', 'names-only'], ['u', 'se\ncret']]);
});

it('needs a root it can list', async () => {
  const tree = await makeTree();
  chmodSync(join(tree, '..'), 0o755);
  chmodSync(tree, 0o711);
  await asNobody();
  await expect(listTree(bytePath.fromText(tree))).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' });
});

const SAYS = (message: string, code: number): Promise<void> => fakeProgram('find', `/usr/bin/find "$@"; printf "${message}\\n" >&2; exit ${code}`);

it('counts what vanished while it was listed', async () => {
  await SAYS("find: './soon gone': No such file or directory", 1);
  expect(await listTree(bytePath.fromText(await makeTree()))).toMatchObject({ vanished: 1, exceptions: [], paths: 7 });
});

it.each([
  ['says something nobody understands', () => SAYS('find: something new', 1)],
  ['says something nobody understands among other things', () => SAYS("find: './a': No such file or directory\\nfind: something new", 1)],
  ['loses the servers', () => SAYS("find: './a': Cannot send after transport endpoint shutdown", 1)],
  ['fails without a word', () => fakeProgram('find', '/usr/bin/find "$@"; exit 1')],
  ['ends with an unknown code', () => SAYS("find: './x': No such file or directory", 2)],
  ['is killed', () => fakeProgram('find', '/usr/bin/find "$@" | head -c 100; kill -KILL $$')],
  ['ends within a line', () => fakeProgram('find', '/usr/bin/find "$@" | head -c 100')],
])('is void when find %s', async (_, prepare) => {
  await prepare();
  await expect(listTree(bytePath.fromText(await makeTree()))).rejects.toMatchObject({ code: 'INDEX_VOID', retry: 'retry' });
});

it('is void when the sort fails', async () => {
  const tree = await makeTree();
  const name = 'x'.repeat(200);
  for (let i = 0; i < 15_000; i += 1) writeFileSync(join(tree, `${name}${i}`), '');
  await fakeProgram('sort', 'head -c 1000000 > /dev/null; exit 2');
  await expect(listTree(bytePath.fromText(tree))).rejects.toMatchObject({ retry: 'retry' });
});

it('leaves no find behind when it is stopped', async () => {
  const tree = await makeTree();
  const marker = join(await workspace(), 'ended');
  await fakeProgram('find', `trap 'touch ${marker}; exit 1' TERM; printf '\\0'; while :; do sleep 0.05; done`);
  const stop = new AbortController();
  const found = scan({ root: bytePath.fromText(tree), exclude: [], tempDir: await workspace(), signal: stop.signal, onProgress: () => { stop.abort(); } });
  await expect(found).rejects.toMatchObject({ code: 'INDEX_VOID' });
  expect(existsSync(marker)).toBe(true);
});
