import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { FS_WRITES, JOB_CODE, ONE_COMMAND_EACH, STORES } from './stores.js';

const ROOT = resolve(import.meta.dirname, '../../..');

let edges: readonly string[] | undefined;

/** `FILE CLASS.METHOD` of every call that changes what outlives a worker, found by the types of what is called: seconds of work, done once. */
export function edgesInCode(): readonly string[] {
  return (edges ??= findEdges());
}

function findEdges(): readonly string[] {
  const files = ['worker', 'shared'].flatMap(filesBelow).filter((file) => JOB_CODE.test(file));
  const program = ts.createProgram(files.map((file) => join(ROOT, file)), compilerOptions());
  const checker = program.getTypeChecker();
  const found = new Set<string>();
  for (const file of files) {
    const visit = (node: ts.Node): void => {
      const edge = ts.isCallExpression(node) ? edgeOf(checker, file, node) : null;
      if (edge !== null) found.add(`${file} ${edge}`);
      ts.forEachChild(node, visit);
    };
    const source = program.getSourceFile(join(ROOT, file));
    if (source === undefined) throw new Error(`${file} is not in the program`);
    visit(source);
  }
  return [...found].sort();
}

/** Public methods of the classes of STORES that are in neither list, and names in a list that the class does not have. */
export function unlistedMethods(): string[] {
  return Object.entries(STORES).flatMap(([name, store]) => {
    if (!('file' in store)) return [];
    const listed = new Set<string>([...store.writes, ...store.reads]);
    const methods = new Set(methodsOf(store.file, 'className' in store ? store.className : name));
    const unlisted = [...methods].filter((method) => !listed.has(method));
    return [...unlisted, ...[...listed].filter((method) => !methods.has(method))].map((method) => `${name}.${method}`);
  });
}

/** Names of the jobs that workers do. */
export function jobNames(): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && ts.isArrowFunction(node.initializer)) names.push(ts.isStringLiteral(node.name) ? node.name.text : node.name.getText());
    ts.forEachChild(node, visit);
  };
  visit(parse('worker/jobs/job-table.ts'));
  return names;
}

function edgeOf(checker: ts.TypeChecker, file: string, { expression }: ts.CallExpression): string | null {
  if (ts.isIdentifier(expression)) return FS_WRITES.some((name) => name === expression.text) && comesFromFs(checker, expression) ? `fs.${expression.text}` : null;
  if (!ts.isPropertyAccessExpression(expression)) return null;
  const method = expression.name.text;
  const type = checker.getNonNullableType(checker.getTypeAtLocation(expression.expression));
  const name = type.getSymbol()?.name ?? '';
  const store = (STORES as Record<string, { readonly writes: readonly string[] } | undefined>)[name];
  if (store?.writes.includes(method) !== true) return null;
  if ((name === 'Redis' || name === 'ChainableCommander') && ONE_COMMAND_EACH.test(file)) return null;
  return `${name}.${method}`;
}

function comesFromFs(checker: ts.TypeChecker, name: ts.Identifier): boolean {
  const [declaration] = checker.getSymbolAtLocation(name)?.declarations ?? [];
  return declaration !== undefined && ts.isImportSpecifier(declaration) && declaration.parent.parent.parent.moduleSpecifier.getText().includes('node:fs/promises');
}

function methodsOf(file: string, className: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isClassDeclaration(node) && node.name?.text === className) names.push(...node.members.filter(isPublicMethod).map((member) => (member.name as ts.Identifier).text));
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return names;
}

function isPublicMethod(member: ts.ClassElement): boolean {
  if (!ts.isMethodDeclaration(member) || ts.isPrivateIdentifier(member.name)) return false;
  return (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) === 0;
}

function parse(file: string): ts.SourceFile {
  const text = ts.sys.readFile(join(ROOT, file));
  if (text === undefined) throw new Error(`${file} is not there`);
  return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as { config: unknown };
  return ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, ROOT).options;
}

function filesBelow(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}
