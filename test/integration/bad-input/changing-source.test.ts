import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { resolveProgram } from '../../../shared/process/launch.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { testSite, type TestSite } from '../../helpers/site.js';
import { hookDar } from './dar-hooks.js';
import { exceptionsOf } from './exceptions-of.js';
import { expectSwept } from './leftovers.js';
import { bytes, restore, resultOf } from './restoring.js';
import { backUpNow } from './site-state.js';
import { until } from './until.js';

const MIB = 1024 * 1024;

describe('a source that changes while it is saved', () => {
  it('a file that changes once while dar reads it is read again: clean', async () => {
    const site = await testSite({ settings: { dar: { sliceSize: '1MiB', retryOnChange: 2 } } });
    const root = await writeTree(site, { big: randomBytes(8 * MIB), small: 'small' });
    await hookDar(site.dir, { atSlice: { of: 'first', run: `[ -e ${root}/../done ] || { echo more >> ${root}/big; : > ${root}/../done; }` } });
    const manifest = await backedUp(site);
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { vanished: 0, exceptions: 0, changedThenSaved: 1 } });
    expect(await differencesAfterRestore(site, manifest)).toEqual([]);
  });

  it('a file that never stops changing is named; what was read of it is restored, and all the rest', async () => {
    const site = await testSite({ settings: { dar: { sliceSize: '1MiB', retryOnChange: 1 } } });
    const root = await writeTree(site, { big: randomBytes(4 * MIB), small: 'small', 'dir/other': 'other' });
    await hookDar(site.dir, { atSlice: { of: 'all', run: `printf x >> ${root}/big` } });
    const manifest = await backedUp(site);
    expect(manifest).toMatchObject({ outcome: 'with-exceptions', counts: { vanished: 0, exceptions: 1 } });
    expect(await exceptionsOf(site.catalog, manifest)).toMatchObject([{ path: 'big', reason: 'changed while read' }]);
    const { target } = await restored(site, manifest);
    expect((await stat(join(target, 'big'))).size).toBeGreaterThanOrEqual(4 * MIB);
    expect((await differences(root, target)).map(([path]) => path)).toEqual(expect.not.arrayContaining(['small', 'dir', 'dir/other', '.']));
  });

  it('what is deleted, renamed, replaced or swapped for good before dar reads it is counted, and what is there then is saved', async () => {
    const site = await testSite({ settings: { dar: { sliceSize: '16MiB', retryOnChange: 2 } } });
    const root = await writeTree(site, {
      'keep/a': 'a', 'keep/b': 'b', gone: 'gone', 'gone-dir/1': '1', 'gone-dir/2': '2', renamed: 'renamed', replaced: 'before',
      'swapped/x': 'original x', 'swapped/y': 'original y', 'to-link/z': 'original z', 'to-file/w': 'w', 'to-dir': 'file',
    });
    const foreign = join(site.dir, 'foreign');
    await write(foreign, { 'swapped/x': 'foreign x, longer', 'secret/z': 'foreign z' });
    await hookDar(site.dir, {
      before: [
        `cd ${root}`,
        'rm gone',
        'rm -r gone-dir',
        'mv renamed new-name',
        'echo after > replaced.new && mv replaced.new replaced',
        `mv swapped ${foreign}/swapped-away && mv ${foreign}/swapped swapped`,
        `rm -r to-link && ln -s ${foreign}/secret to-link`,
        'rm -r to-file && echo now a file > to-file',
        'rm to-dir && mkdir to-dir',
      ].join('\n'),
    });
    const manifest = await backedUp(site);
    // Gone: gone, gone-dir with 1 and 2, renamed, swapped/y, to-link/z, to-file/w.
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { vanished: 8, exceptions: 0 } });
    expect(await differencesBelow(site, manifest)).toEqual([['new-name', 'presence']]);
    await backUpNow(site, 'alice');
    const second = (await site.manifests()).find(({ backupId }) => backupId !== manifest.backupId);
    if (second === undefined) return expect.unreachable();
    expect(await differencesAfterRestore(site, second)).toEqual([]);
  });

  it.each([
    ['a directory with names, sizes and times like its own', (root: string, foreign: string) => [`mv ${root}/swapped ${root}/../away`, `mv ${foreign} ${root}/swapped`], (root: string, foreign: string) => [`mv ${root}/swapped ${foreign}`, `mv ${root}/../away ${root}/swapped`]],
    ['a symbolic link to such a directory', (root: string, foreign: string) => [`mv ${root}/swapped ${root}/../away`, `ln -s ${foreign} ${root}/swapped`], (root: string) => [`rm ${root}/swapped`, `mv ${root}/../away ${root}/swapped`]],
    ['a file', (root: string) => [`mv ${root}/swapped ${root}/../away`, `echo foreign > ${root}/swapped`], (root: string) => [`rm ${root}/swapped`, `mv ${root}/../away ${root}/swapped`]],
  ])('a directory that is %s while dar reads it, and its old self before and after: the original is restored', async (_, swap, swapBack) => {
    const site = await testSite({ settings: { dar: { sliceSize: '16MiB', retryOnChange: 2 } } });
    const root = await writeTree(site, { 'swapped/x': 'original x', 'swapped/below/y': 'original y', 'keep/a': 'a' });
    const foreign = join(site.dir, 'foreign');
    await nextSecond();
    await write(foreign, { x: 'foreignl x', 'below/y': 'foreignl y' });
    const likeIts = ['x', 'below/y', 'below', '.'].map((path) => `touch -r ${root}/../away/${path} ${path}`).join(' && ');
    await hookDar(site.dir, {
      before: [...swap(root, foreign), `[ ! -d ${root}/swapped ] || (cd ${root}/swapped/. && ${likeIts})`].join('\n'),
      after: swapBack(root, foreign).join('\n'),
    });
    const manifest = await backedUp(site);
    expect(manifest).toMatchObject({ outcome: 'clean', counts: { vanished: 0, exceptions: 0 } });
    expect(await differencesBelow(site, manifest)).toEqual([]);
  });
});

it('a directory that is a link whenever dar reads it: the tries end, and all that could not be saved is named', async () => {
  const site = await testSite({ settings: { dar: { sliceSize: '16MiB', retryOnChange: 1 } } });
  const root = await writeTree(site, { 'swapped/x': 'x', 'keep/a': 'a' });
  const away = join(site.dir, 'away');
  const reads = join(site.dir, 'reads');
  const dar = resolveProgram('dar');
  const swapped = `mv ${root}/swapped ${away}\nln -s ${away} ${root}/swapped\necho read >> ${reads}`;
  // dar is given a PATH without programs.
  const path = `PATH='${process.env['PATH'] ?? ''}'`;
  await fakeProgram('dar', `case " $* " in *skeleton*) ;; *" -c "*) (${path}\n${swapped}\n)\n${dar} "$@"\nstatus=$?\n(${path}\nrm ${root}/swapped\nmv ${away} ${root}/swapped\n)\nexit $status ;; esac\nexec ${dar} "$@"`);
  const manifest = await backedUp(site);
  expect((await readFile(reads, 'utf8')).split('\n')).toHaveLength(1 + 1 + 3 + 1);
  expect(manifest).toMatchObject({ outcome: 'with-exceptions', archives: [{ kind: 'metadata' }] });
  expect((await exceptionsOf(site.catalog, manifest)).map((each) => each.path).sort()).toEqual(['keep', 'keep/a', 'swapped', 'swapped/x']);
});

type Tree = Readonly<Record<string, string | Buffer>>;

/** Last modified an hour ago: what changes from now on has another whole second, which is all that catalogues of dar hold. */
async function writeTree(site: TestSite, tree: Tree): Promise<string> {
  const root = join(site.topdir, 'alice');
  await write(root, tree);
  await run({ program: 'find', args: [root, '-exec', 'touch', '--no-dereference', '--date=1 hour ago', '{}', '+'] });
  return root;
}

async function write(root: string, tree: Tree): Promise<void> {
  for (const [path, content] of Object.entries(tree)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

/** Catalogues of dar hold whole seconds: what is made from now on has another ctime than what was made before. */
async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  await until('the next second', () => (Math.floor(Date.now() / 1000) > second ? true : null));
}

async function backedUp(site: TestSite): Promise<Manifest> {
  expect(await site.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
  const [manifest] = await site.manifests();
  if (manifest === undefined) throw new Error('nothing was sealed');
  await expectSwept(site);
  return manifest;
}

async function restored(site: TestSite, manifest: Manifest): Promise<{ target: string }> {
  const done = await restore(site, manifest);
  const result = resultOf(done);
  if (manifest.outcome === 'clean') expect(result).toMatchObject({ outcome: 'clean', problems: [] });
  else expect(result.outcome).toBe('with-exceptions');
  return done;
}

/** Without the basepath directory: its own metadata is saved beside all else, before or after it is changed. */
async function differencesBelow(site: TestSite, manifest: Manifest): Promise<[string, string][]> {
  return (await differencesAfterRestore(site, manifest)).filter(([path]) => path !== '.');
}

async function differencesAfterRestore(site: TestSite, manifest: Manifest): Promise<[string, string][]> {
  const { target } = await restored(site, manifest);
  return differences(join(site.topdir, 'alice'), target);
}

async function differences(root: string, target: string): Promise<[string, string][]> {
  const compared = await compareTrees({ left: bytes(root), right: bytes(target), content: 'hash' });
  return compared.differences.map(({ path, field }) => [showPath(path), field]);
}
