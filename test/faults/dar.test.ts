import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { fakeProgram } from '../helpers/fake-program.js';
import type { TestSite } from '../helpers/site.js';
import { hookDar } from '../integration/bad-input/dar-hooks.js';
import { resolveProgram } from '../../shared/process/launch.js';
import { faultTest } from './frame/fault-test.js';

const MIB = 1024 * 1024;
const site = { settings: { dar: { sliceSize: '1MiB' } } };

faultTest({ fault: 'dar exits 0 and wrote nothing', state: 'dar running', site }, async (made) => {
  await writeBasepath(made);
  const told = join(made.dir, 'told');
  await fakeProgram('dar', `case " $* " in *skeleton*) ;; *" -c "*) if [ ! -e '${told}' ]; then : > '${told}'; exit 0; fi ;; esac\nexec ${resolveProgram('dar')} "$@"`);
  expect(await made.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
  return { sealed: { alice: 1 } };
});

faultTest({ fault: 'dar killed', state: 'before its first slice', site }, async (made) => {
  await writeBasepath(made);
  await hookDar(made.dir, { before: 'kill -9 $$' });
  expect(await made.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
  return { sealed: { alice: 1 } };
});

faultTest({ fault: 'dar killed', state: 'after a slice', site }, async (made) => {
  await writeBasepath(made);
  // -E runs below dar: its parent is the shell that dar started.
  await hookDar(made.dir, { atSlice: { of: 'first', run: 'dar=$(cut -d" " -f4 /proc/$PPID/stat); [ -e /proc/$dar/exe ] && kill -9 $PPID' } });
  expect(await made.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
  return { sealed: { alice: 1 } };
});

faultTest({ fault: 'short read', state: 'dar in the middle of the file', name: 'a file that ends early while dar reads it is saved as it is then, or named', site }, async (made) => {
  await writeBasepath(made);
  const once = join(made.dir, 'truncated');
  await hookDar(made.dir, { atSlice: { of: 'first', run: `[ -e '${once}' ] || truncate -s 100000 '${join(made.topdir, 'alice', 'big')}'; : > '${once}'` } });
  expect(await made.backUp()).toMatchObject([{ state: 'completed', reason: null }]);
  return { sealed: { alice: 1 } };
});

async function writeBasepath({ topdir }: TestSite): Promise<void> {
  const root = join(topdir, 'alice');
  await mkdir(root);
  for (let i = 0; i < 5; i++) await writeFile(join(root, `file-${i}`), `content ${i}`);
  await writeFile(join(root, 'big'), randomBytes(4 * MIB));
}
