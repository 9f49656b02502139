import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { ConfigProblem } from './problems.js';

/** Steps to a node of the file: names of maps, numbers in lists. */
export type TreePath = readonly (string | number)[];

export interface YamlTree {
  /** The top-level map; empty where the file is empty or no map. */
  readonly root: Readonly<Record<string, unknown>>;
  /** `FILE:LINE` of a key, or of the nearest one above it that stands in the file. */
  readonly where: (path: TreePath) => string;
  readonly problems: readonly ConfigProblem[];
}

/** Reads YAML text. Syntax errors become problems with their line; nothing is thrown. */
export function readYaml(text: string, file: string): YamlTree {
  const lines = new LineCounter();
  // prettyErrors would quote the source line, and with it perhaps a password.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const where = (path: TreePath): string => {
    const offset = offsetOf(document, path);
    return offset === null ? file : `${file}:${lines.linePos(offset).line}`;
  };
  const problems = [...document.errors, ...document.warnings].map((error) =>
    wholeFile(`${file}:${lines.linePos(error.pos[0]).line}`, `is not valid YAML: ${error.message}`, 'Correct the line (spaces for indentation, no tabs).'),
  );
  if (document.errors.length > 0) return { root: {}, where, problems };
  const { root, problem } = toRoot(document, file);
  return { root, where, problems: problem === null ? problems : [...problems, problem] };
}

function toRoot(document: Document, file: string): { root: Record<string, unknown>; problem: ConfigProblem | null } {
  try {
    const root: unknown = document.toJS();
    if (isTree(root)) return { root, problem: null };
    if (root === null) return { root: {}, problem: null };
    return { root: {}, problem: wholeFile(file, 'is not a map of keys', 'Begin from deploy/config/minimal.yaml.') };
  } catch (thrown) {
    // yaml refuses unresolvable and excessive aliases here.
    return { root: {}, problem: wholeFile(file, `is not valid YAML: ${String(thrown)}`, 'Write the values out instead of aliases.') };
  }
}

function wholeFile(file: string, problem: string, remedy: string): ConfigProblem {
  return { file, key: '', value: null, problem, remedy };
}

/** True for a map of YAML. */
export function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function offsetOf(document: Document, path: TreePath): number | null {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const name = path[length - 1];
    const pair = isMap(parent) ? parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === name) : undefined;
    const node = pair?.key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return null;
}
