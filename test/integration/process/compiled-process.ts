import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(import.meta.dirname, '../../..');
const COMPILER = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };

/**
 * Compiles shared/process and what it imports into `dir`, for tests that must kill a whole process of ours.
 * @returns absolute path of the compiled shared/process/index.js
 */
export async function compileProcess(dir: string): Promise<string> {
  for (const folder of ['shared/process', 'shared/process/launcher', 'shared/errors', 'shared/paths']) {
    await mkdir(join(dir, folder), { recursive: true });
    for (const name of await readdir(join(ROOT, folder))) if (name.endsWith('.ts')) await compileFile(dir, join(folder, name));
  }
  await writeFile(join(dir, 'package.json'), '{"type":"module"}');
  await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  return join(dir, 'shared/process/index.js');
}

async function compileFile(dir: string, file: string): Promise<void> {
  const source = await readFile(join(ROOT, file), 'utf8');
  await writeFile(join(dir, file.replace(/\.ts$/, '.js')), ts.transpileModule(source, { compilerOptions: COMPILER }).outputText);
}
