import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, inject } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const ROOMS = ['bin', 'producer', 'shared', 'worker'];
const COMPILER = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };

export interface CompiledProduct {
  /** Directory with `bin/bw-bkup.js` and all it imports, readable by every user. */
  readonly dir: string;
}

/** JavaScript of the whole product, for tests that run it as processes of their own; made once per test file. `more`: folders of tests. */
export function compiledProduct(more: readonly string[] = []): CompiledProduct {
  return compiledRooms([...ROOMS, ...more]);
}

/** The same of some folders only, which import nothing of others. */
export function compiledRooms(rooms: readonly string[]): CompiledProduct {
  const product = { dir: '' };
  beforeAll(async () => {
    product.dir = await mkdtemp(join(tmpdir(), 'bw-test-'));
    await chmod(product.dir, 0o755);
    for (const room of rooms) await compileBelow(room, product.dir);
    await copyFile(join(ROOT, 'package.json'), join(product.dir, 'package.json'));
    await symlink(join(ROOT, 'node_modules'), join(product.dir, 'node_modules'));
  });
  afterAll(() => rm(product.dir, { recursive: true, force: true }));
  return product;
}

async function compileBelow(room: string, to: string): Promise<void> {
  const entries = await readdir(join(ROOT, room), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
  for (const dir of new Set(files.map(dirname))) await mkdir(join(to, dir), { recursive: true });
  await Promise.all(files.map((file) => (extname(file) === '.ts' ? compile(file, to) : copyFile(join(ROOT, file), join(to, file)))));
}

/** Whichever test file is first makes it for all of this run. */
async function compile(file: string, to: string): Promise<void> {
  const made = join(inject('transpiled'), `${file.replaceAll('/', '~')}.js`);
  const target = join(to, file.replace(/\.ts$/, '.js'));
  const isThere = await copyFile(made, target).then(() => true, () => false);
  if (isThere) return;
  const { outputText } = ts.transpileModule(await readFile(join(ROOT, file), 'utf8'), { compilerOptions: COMPILER });
  const own = `${made}.${randomBytes(6).toString('hex')}`;
  await writeFile(own, outputText);
  await rename(own, made);
  await copyFile(made, target);
}
