import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compareTrees } from '../../../shared/compare/index.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { testSite } from '../../helpers/site.js';
import { exceptionsOf } from './exceptions-of.js';
import { expectSwept } from './leftovers.js';
import { bytes, restore, resultOf } from './restoring.js';

/** latin1 text: one character is one byte. */
const NAMES = [
  'new\nline',
  'forged\nError while saving x: Permission denied',
  'carriage return\r',
  'carriage\rreturn within',
  '-rf',
  '--help',
  ' blank in front',
  'blank behind ',
  '   ',
  '\t',
  'x'.repeat(255),
  'b\xffyte \xfe\x80',
  '*?[a-z]{b,c}',
  '$(touch owned) `touch owned` ;&|<>"\'\\',
  '[end]',
  '#comment',
  '\x01\x1b[31mred',
];

describe('names and times that programs dislike', () => {
  it('all are saved and restored, or named', async () => {
    const site = await testSite({ settings: { worker: { slots: 1 } } });
    const root = join(site.topdir, 'alice');
    // The product's own rm of a workspace cannot reach below PATH_MAX.
    onTestFinished(async () => {
      await run({ program: 'rm', args: ['-rf', '--', site.topdir] });
    });
    await writeNames(root);
    await makeTooDeep(root);
    await writeFile(join(root, 'before-1970'), 'old');
    await run({ program: 'touch', args: ['--date=@-3600', '--', join(root, 'before-1970')] });

    expect(await site.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
    const [manifest] = await site.manifests();
    if (manifest === undefined) return expect.unreachable();
    const exceptions = await exceptionsOf(site.catalog, manifest);
    const tooDeep = exceptions.filter(({ reason }) => reason === 'path longer than PATH_MAX');
    expect(exceptions.filter((exception) => !tooDeep.includes(exception))).toEqual([
      { path: 'before-1970', reason: 'mtime before 1970 is not kept', detail: expect.stringContaining('-3600') as unknown },
    ]);
    expect(tooDeep.map(({ path }) => path.length > 4000)).toEqual([true, true, true, true, true]);
    expect(manifest).toMatchObject({ outcome: 'with-exceptions', counts: { exceptions: exceptions.length, vanished: 0 } });

    const restored = await restore(site, manifest);
    expect(resultOf(restored)).toMatchObject({ outcome: 'with-exceptions', problems: [{ problem: expect.stringContaining('sealed with 6 exceptions') as unknown }] });
    await run({ program: 'rm', args: ['-rf', '--', join(root, 'deep')] });
    await run({ program: 'rm', args: ['-rf', '--', join(restored.target, 'deep')] });
    const compared = await compareTrees({ left: bytes(root), right: bytes(restored.target), content: 'hash' });
    expect(compared.differences.map(({ path, field }) => `${showPath(path)} ${field}`)).toEqual(['. mtime', 'before-1970 mtime']);
    await expectSwept(site);
  });
});

/** A file, a directory with a file of the same name in it, and a link of each name. */
async function writeNames(root: string): Promise<void> {
  for (const kind of ['files', 'directories', 'links']) await mkdir(join(root, kind), { recursive: true });
  for (const name of NAMES) {
    const at = (kind: string): Buffer => Buffer.concat([Buffer.from(`${root}/${kind}/`), Buffer.from(name, 'latin1')]);
    await writeFile(at('files'), `file ${name}`);
    await mkdir(at('directories'));
    await writeFile(Buffer.concat([at('directories'), Buffer.from('/'), Buffer.from(name, 'latin1')]), `below ${name}`);
    await symlink(Buffer.from(name, 'latin1'), at('links'));
  }
}

/** 5,000 bytes of path, made of pieces that can be named. */
async function makeTooDeep(root: string): Promise<void> {
  const piece = Array.from({ length: 8 }, () => 'd'.repeat(200)).join('/');
  for (const name of ['third', 'second', 'deep']) {
    await mkdir(join(root, name, piece), { recursive: true });
    await writeFile(join(root, name, piece, 'letter'), 'dear bob');
  }
  await rename(join(root, 'third'), join(root, 'second', piece, 'third'));
  await rename(join(root, 'second'), join(root, 'deep', piece, 'second'));
}
