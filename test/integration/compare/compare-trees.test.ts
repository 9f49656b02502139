import { chmodSync, closeSync, copyFileSync, linkSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { compareTrees, type CompareOptions } from '../../../shared/compare/index.js';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { activeChildren, run, type Arg } from '../../../shared/process/index.js';
import { needsRoot } from '../../helpers/needs.js';
import { workspace } from '../../helpers/workspace.js';

const isRoot = process.getuid?.() === 0;
/** Newline, trailing CR, leading dash, quotes, not UTF-8, backslash, blank. */
const ODD = Buffer.from('-odd\n \'"\\*\xff\r', 'latin1');

async function sh(program: string, ...args: readonly Arg[]): Promise<void> {
  await run({ program, args });
}

async function makeTree(tree: string): Promise<void> {
  mkdirSync(join(tree, 'dir/sub'), { recursive: true });
  mkdirSync(join(tree, 'dir-2'));
  // Sort the other way round without the separator of the key.
  writeFileSync(join(tree, 'name'), '1');
  writeFileSync(join(tree, 'name-2'), '2');
  mkdirSync(join(tree, '!first'));
  writeFileSync(join(tree, 'dir/file'), 'content');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/dir/`), ODD]), 'odd');
  writeFileSync(join(tree, 'dir-2/empty'), '');
  writeFileSync(join(tree, 'twin-a'), 'twins');
  linkSync(join(tree, 'twin-a'), join(tree, 'dir/twin-b'));
  writeFileSync(join(tree, 'pair-a'), 'twins');
  linkSync(join(tree, 'pair-a'), join(tree, 'dir/pair-b'));
  symlinkSync('../dir//file', join(tree, 'dir/link'));
  symlinkSync('/nonexistent', join(tree, 'dangling'));
  const sparse = openSync(join(tree, 'sparse'), 'w');
  writeSync(sparse, 'end', 4 * 1024 * 1024);
  closeSync(sparse);
  await sh('mkfifo', join(tree, 'fifo'));
  await sh('setfattr', '-n', 'user.k', '-v', 'v', Buffer.concat([Buffer.from(`${tree}/dir/`), ODD]));
  // The last path has one too: nobody reads on behind it, yet a program may still fail there.
  writeFileSync(join(tree, 'z-last'), '');
  await sh('setfattr', '-n', 'user.k', '-v', 'v', join(tree, 'z-last'));
  await sh('setfacl', '-m', 'u:12:r', '-m', 'd:u:13:rwx', join(tree, 'dir'));
  if (isRoot) await sh('mknod', join(tree, 'device'), 'c', '1', '3');
}

async function twoTrees(): Promise<{ left: string; right: string; compare: (options?: Partial<CompareOptions>) => ReturnType<typeof compareTrees> }> {
  const dir = await workspace();
  const [left, right] = [join(dir, 'left'), join(dir, 'other name')];
  await makeTree(left);
  await sh('cp', '-a', left, right);
  const roots = { left: bytePath.fromText(left), right: bytePath.fromText(right), content: 'hash' as const };
  return { left, right, compare: (options = {}) => compareTrees({ ...roots, ...options }) };
}

/** Changes one thing and sets the mtime of the parent directory back. */
async function keepingMtimes(path: string, change: () => void | Promise<void>): Promise<void> {
  const parent = join(path, '..');
  const before = lstatSync(parent, { bigint: true }).mtimeNs;
  await change();
  await touch(parent, before);
}

async function touch(path: string, mtimeNs: bigint): Promise<void> {
  const text = mtimeNs.toString().padStart(10, '0');
  await sh('touch', '-h', '-m', '-d', `@${text.slice(0, -9)}.${text.slice(-9)}`, path);
}

async function sameTimes(from: string, to: string, change: () => void | Promise<void>): Promise<void> {
  const mtime = lstatSync(from, { bigint: true }).mtimeNs;
  await keepingMtimes(to, change);
  await touch(to, mtime);
}

describe('compareTrees', () => {
  it('finds a copy of an awkward tree the same', async () => {
    const { left, compare } = await twoTrees();
    const files = readdirSync(left, { recursive: true }).length;
    const result = await compare();
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({ same: true, totalDifferences: 0, compared: { entries: files + 1, bytes: 4 * 1024 * 1024 + 3 + 7 + 3 + 4 * 5 + 2 } });
    expect(result.allocated.rightBytes).toBeLessThan(1024 * 1024);
    expect(activeChildren()).toEqual([]);
  });

  const changes: [string, { path: string; field: string }, (left: string, right: string) => void | Promise<void>, boolean?][] = [
    ['mtime by a nanosecond', { path: 'dir/file', field: 'mtime' }, async (_, right) => {
      await touch(join(right, 'dir/file'), lstatSync(join(right, 'dir/file'), { bigint: true }).mtimeNs + 1n);
    }],
    ['mtime of the root', { path: '.', field: 'mtime' }, (_, right) => touch(right, 1_000_000_000_000_000_001n)],
    ['mode of the root', { path: '.', field: 'mode' }, (_, right) => { chmodSync(right, 0o700); }],
    ['mode, sticky bit', { path: 'dir-2', field: 'mode' }, (_, right) => { chmodSync(join(right, 'dir-2'), 0o1755); }],
    ['owner', { path: 'fifo', field: 'uid' }, (_, right) => sh('chown', '12', join(right, 'fifo')), true],
    ['group of a symlink', { path: 'dangling', field: 'gid' }, (_, right) => sh('chown', '-h', ':12', join(right, 'dangling')), true],
    ['content of equal size and time', { path: 'dir/file', field: 'content' }, (left, right) =>
      sameTimes(join(left, 'dir/file'), join(right, 'dir/file'), () => { writeFileSync(join(right, 'dir/file'), 'CONTENT'); })],
    ['a byte in a hole', { path: 'sparse', field: 'content' }, (left, right) =>
      sameTimes(join(left, 'sparse'), join(right, 'sparse'), () => {
        const fd = openSync(join(right, 'sparse'), 'r+');
        writeSync(fd, 'x', 1024 * 1024);
        closeSync(fd);
      })],
    ['size', { path: 'sparse', field: 'size' }, (left, right) =>
      sameTimes(join(left, 'sparse'), join(right, 'sparse'), () => { truncateSync(join(right, 'sparse'), 10); })],
    ['symlink target', { path: 'dir/link', field: 'target' }, (left, right) =>
      sameTimes(join(left, 'dir/link'), join(right, 'dir/link'), () => {
        unlinkSync(join(right, 'dir/link'));
        symlinkSync('../dir/fil//', join(right, 'dir/link'));
      })],
    ['type', { path: 'dir-2/empty', field: 'type' }, (_, right) =>
      keepingMtimes(join(right, 'dir-2/empty'), () => {
        rmSync(join(right, 'dir-2/empty'));
        mkdirSync(join(right, 'dir-2/empty'));
      })],
    ['device number', { path: 'device', field: 'rdev' }, (left, right) =>
      sameTimes(join(left, 'device'), join(right, 'device'), async () => {
        unlinkSync(join(right, 'device'));
        await sh('mknod', join(right, 'device'), 'c', '1', '5');
      }), true],
    ['ACL', { path: 'dir', field: 'acl' }, (_, right) => sh('setfacl', '-m', 'u:12:x', join(right, 'dir'))],
    ['default ACL', { path: 'dir', field: 'acl' }, (_, right) => sh('setfacl', '-x', 'd:u:13', join(right, 'dir'))],
    ['xattr of a file without', { path: 'dir-2/empty', field: 'xattr' }, (_, right) => sh('setfattr', '-n', 'user.=\n', '-v', '', join(right, 'dir-2/empty'))],
    ['xattr value of an odd name', { path: `dir/${ODD.toString('latin1')}`, field: 'xattr' }, (_, right) =>
      sh('setfattr', '-n', 'user.k', '-v', 'w', Buffer.concat([Buffer.from(`${right}/dir/`), ODD]))],
    ['path missing', { path: `dir/${ODD.toString('latin1')}`, field: 'presence' }, async (_, right) => {
      const odd = Buffer.concat([Buffer.from(`${right}/dir/`), ODD]);
      await keepingMtimes(join(right, 'dir/x'), () => { unlinkSync(odd); });
    }],
    ['path added, behind all others', { path: 'zz', field: 'presence' }, (_, right) => keepingMtimes(join(right, 'zz'), () => { writeFileSync(join(right, 'zz'), ''); })],
  ];

  it.for(changes)('sees exactly: %s', async ([, expected, change, rootOnly], context) => {
    if (rootOnly === true) needsRoot(context);
    const { left, right, compare } = await twoTrees();
    await change(left, right);
    const result = await compare();
    expect(result.differences.map(({ path, field }) => ({ path, field }))).toEqual([expected]);
    expect(result).toMatchObject({ same: false, totalDifferences: 1 });
  });

  it('sees a hard link that became a copy, on both names', async () => {
    const { left, right, compare } = await twoTrees();
    await sameTimes(join(left, 'twin-a'), join(right, 'twin-a'), () => {
      copyFileSync(join(right, 'dir/twin-b'), join(right, 'copy'));
      unlinkSync(join(right, 'twin-a'));
      copyFileSync(join(right, 'copy'), join(right, 'twin-a'));
      unlinkSync(join(right, 'copy'));
    });
    const result = await compare();
    expect(result.differences).toEqual([
      { path: 'dir/twin-b', field: 'nlink', left: '2', right: '1' },
      { path: 'twin-a', field: 'nlink', left: '2', right: '1' },
    ]);
  });

  it('sees hard links that changed partners, with every count as before', async () => {
    const { left, right, compare } = await twoTrees();
    const mtime = lstatSync(join(left, 'twin-a'), { bigint: true }).mtimeNs;
    const dirMtime = lstatSync(join(left, 'dir'), { bigint: true }).mtimeNs;
    for (const name of ['twin-b', 'pair-b']) unlinkSync(join(right, 'dir', name));
    linkSync(join(right, 'twin-a'), join(right, 'dir/pair-b'));
    linkSync(join(right, 'pair-a'), join(right, 'dir/twin-b'));
    for (const tree of [left, right]) for (const name of ['twin-a', 'pair-a']) await touch(join(tree, name), mtime);
    await touch(join(right, 'dir'), dirMtime);
    const result = await compare();
    expect(result.differences.map(({ path, field }) => `${path} ${field}`)).toEqual(['pair-a hardlinks', 'twin-a hardlinks']);
    expect(result.differences[0]).toMatchObject({ left: 'first name dir/pair-b', right: 'first name dir/twin-b' });
  });

  it('counts all differences but lists only the first', async () => {
    const { right, compare } = await twoTrees();
    rmSync(join(right, 'dir'), { recursive: true });
    const result = await compare({ maxListed: 2 });
    expect(result.differences).toHaveLength(2);
    expect(result.totalDifferences).toBeGreaterThan(6);
  });

  it('leaves out what it is told to', async () => {
    const { right, compare } = await twoTrees();
    writeFileSync(join(right, 'dir/file'), 'CONTENT');
    await sh('setfattr', '-n', 'user.site.x', '-v', '1', join(right, 'dir-2'));
    expect((await compare({ content: 'none', ignore: { fields: ['mtime'], xattrs: ['user.site.*'] } })).same).toBe(true);
    expect((await compare({ ignore: { path: (path) => path === 'dir/file' || path === 'dir-2' } })).same).toBe(true);
    expect((await compare({ content: 'none', ignore: { fields: ['mtime'], xattrs: ['user.site'] } })).same).toBe(false);
  });

  it('reports filled holes without calling them a difference', async () => {
    const { left, right, compare } = await twoTrees();
    await sameTimes(join(left, 'sparse'), join(right, 'sparse'), () => sh('cp', '--sparse=never', join(left, 'sparse'), join(right, 'sparse')));
    const result = await compare();
    expect(result.same).toBe(true);
    expect(result.allocated.rightBytes - result.allocated.leftBytes).toBeGreaterThan(3 * 1024 * 1024);
  });

  it('fails where a tree is not there, and leaves no program running', async () => {
    const { right, compare } = await twoTrees();
    await expect(compare({ right: bytePath.fromText(`${right}-gone`) })).rejects.toMatchObject({ code: 'COMPARE_FAILED' });
    expect(activeChildren()).toEqual([]);
  });

  it.each(['getfattr', 'find', 'sort'])('fails where %s fails, even after printing everything', async (program) => {
    const { left, compare } = await twoTrees();
    const bin = join(left, '../bin');
    mkdirSync(bin);
    writeFileSync(join(bin, program), `#!/bin/sh\nPATH=\${PATH#*:}\n${program} "$@"\nexit 1\n`, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
    await expect(compare()).rejects.toMatchObject({ code: 'COMPARE_FAILED' });
    vi.unstubAllEnvs();
    expect(activeChildren()).toEqual([]);
  });

  it('names the files that could not be hashed', async () => {
    const { left, compare } = await twoTrees();
    const bin = join(left, '../bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'sha256sum'), '#!/bin/sh\necho "sha256sum: Input/output error" >&2\nexit 1\n', { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
    const result = await compare();
    vi.unstubAllEnvs();
    expect(result.differences.map(({ field, left: value }) => `${field} ${value}`)).toEqual(Array(11).fill('content unreadable'));
  });

  it('stops when told, and leaves no program running', async () => {
    const { compare } = await twoTrees();
    const stop = new AbortController();
    const comparing = compare({ signal: stop.signal, onEntry: () => { stop.abort(); } });
    await expect(comparing).rejects.toMatchObject({ code: 'COMPARE_ABORTED' });
    await expect(compare({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'COMPARE_ABORTED' });
    expect(activeChildren()).toEqual([]);
  });
});
