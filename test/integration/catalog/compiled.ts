import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { BwError } from '../../../shared/errors/bw-error.js';
import { run } from '../../../shared/process/index.js';

const ROOT = join(import.meta.dirname, '../../..');
const ROOMS = ['shared/catalog', 'shared/errors', 'shared/files', 'shared/journal', 'shared/paths'];

/** JavaScript of the rooms under test in `dir`, for child processes that a test kills. */
export async function compileInto(dir: string): Promise<void> {
  await writeFile(join(dir, 'package.json'), '{"type":"module"}');
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  for (const room of ROOMS) {
    await mkdir(join(dir, room), { recursive: true });
    const sources = (await readdir(join(ROOT, room))).filter((name) => name.endsWith('.ts'));
    await Promise.all(sources.map((name) => compileOne(join(room, name), dir)));
  }
}

/** Runs a module's text as `node FILE ARGS` in `dir`; resolves to its exit code if it is an expected one, or null when SIGKILL ended it. */
export async function runModule(dir: string, text: string, args: readonly string[], okCodes: readonly number[] = [0]): Promise<number | null> {
  const file = join(dir, `child-${args.join('-').replace(/[^\w-]/g, '_').slice(-60)}.js`);
  await writeFile(file, text);
  try {
    return (await run({ program: process.execPath, args: [file, ...args], cwd: dir }, { timeoutMs: 30_000, okCodes: [...okCodes] })).status.code;
  } catch (thrown) {
    if (thrown instanceof BwError && thrown.code === 'PROGRAM_FAILED' && thrown.message.includes('SIGKILL')) return null;
    throw thrown;
  }
}

async function compileOne(path: string, dir: string): Promise<void> {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };
  const { outputText } = ts.transpileModule(await readFile(join(ROOT, path), 'utf8'), { compilerOptions });
  const to = join(dir, path.replace(/\.ts$/, '.js'));
  await mkdir(dirname(to), { recursive: true });
  await writeFile(to, outputText);
}
