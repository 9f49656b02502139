import { nearest } from './did-you-mean.js';
import { FormatError } from './units.js';
import { maskUrl } from './mask.js';
import type { ConfigProblem } from './problems.js';
import { envName, isLeaf, leavesOf, readLeaf, siteSchema, type Leaf, type Section } from './schema.js';
import { isTree, type TreePath } from './yaml-tree.js';

export type SourceKind = 'default' | 'file' | 'host' | 'env' | 'flag';

/** Checked raw values of one origin: every one is known and readable by its leaf. */
export interface Layer {
  readonly kind: SourceKind;
  readonly values: ReadonlyMap<string, unknown>;
  where(key: string): string;
}

export type Report = (problem: ConfigProblem) => void;

/** A part of the YAML file: where it stands, and what its keys are called in messages. */
export interface FilePart {
  readonly kind: 'file' | 'host';
  readonly tree: unknown;
  readonly path: TreePath;
  /** Such as `topdirs[0].`; '' at the top. */
  readonly prefix: string;
  readonly where: (path: TreePath) => string;
}

/** Values of a part of the file. Unknown keys, wrong shapes and unreadable values are reported and left out. */
export function fileLayer(section: Section, part: FilePart, report: Report): Layer {
  const values = new Map<string, unknown>();
  const steps = (key: string): TreePath => [...part.path, ...(key === '' ? [] : key.split('.'))];
  const tell = (key: string, value: string | null, problem: string, remedy: string): void => {
    report({ file: part.where(steps(key)), key: `${part.prefix}${key}`.replace(/\.$/, ''), value, problem, remedy });
  };
  const visit = (nodes: Section, tree: unknown, above: string): void => {
    const children = `Known below it: ${Object.keys(nodes).join(', ')}.`;
    if (tree === null) return; // `staging:` with all its keys commented out
    if (!isTree(tree)) {
      tell(above.slice(0, -1), null, 'is not a map of keys', children);
      return;
    }
    for (const [name, raw] of Object.entries(tree)) {
      const key = `${above}${name}`;
      const node = Object.hasOwn(nodes, name) ? nodes[name] : undefined;
      if (node === undefined) tell(key, null, 'is not a known key', unknownKeyRemedy(name, Object.keys(nodes)));
      else if (!isLeaf(node)) visit(node, raw, `${key}.`);
      else if (keep(node, raw, key, tell)) values.set(key, raw);
    }
  };
  visit(section, part.tree, '');
  return { kind: part.kind, values, where: (key) => part.where(steps(key)) };
}

function keep(leaf: Leaf, raw: unknown, key: string, tell: (key: string, value: string | null, problem: string, remedy: string) => void): boolean {
  if (raw === null && leaf.nullable !== true) {
    tell(key, null, 'has no value', 'Give it one, or remove the key.');
    return false;
  }
  try {
    readLeaf(leaf, raw);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof FormatError)) throw thrown;
    tell(key, showRaw(leaf, raw), thrown.problem, `Use ${thrown.accepts}${leaf.nullable === true ? ', or none' : ''}.`);
    return false;
  }
}

/** A raw value as people may see it. */
export function showRaw(leaf: Leaf, raw: unknown): string {
  const text = typeof raw === 'string' ? raw : JSON.stringify(raw);
  return leaf.sensitive === true && raw !== null && raw !== 'none' ? maskUrl(text) : text;
}

function unknownKeyRemedy(name: string, siblings: readonly string[]): string {
  const near = nearest(name, siblings);
  if (near !== null) return `Did you mean ${near}?`;
  const elsewhere = leavesOf(siteSchema).map(([key]) => key).filter((key) => key === name || key.endsWith(`.${name}`));
  if (elsewhere.length > 0) return `Did you mean ${elsewhere.join(' or ')}?`;
  return `Known here: ${siblings.join(', ')}.`;
}

/** Values from `BW_...` variables. Empty ones count as not set; one that is nearly a known name is taken for a typing error. */
export function envLayer(section: Section, env: NodeJS.ProcessEnv, otherNames: readonly string[], report: Report): Layer {
  const byName = new Map(leavesOf(section).map(([key, leaf]) => [envName(key), { key, leaf }]));
  const values = new Map<string, unknown>();
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('BW_') || text === undefined || text === '' || otherNames.includes(name)) continue;
    const known = byName.get(name);
    const file = `environment ${name}`;
    if (known !== undefined) {
      const tell = (key: string, value: string | null, problem: string, remedy: string): void => { report({ file, key, value, problem, remedy }); };
      if (keep(known.leaf, text, known.key, tell)) values.set(known.key, text);
      continue;
    }
    const near = nearest(name, [...byName.keys(), ...otherNames]);
    if (near !== null) report({ file, key: '', value: null, problem: 'is not a known variable', remedy: `Did you mean ${near}?` });
  }
  return { kind: 'env', values, where: (key) => `environment ${envName(key)}` };
}

/** Values from flags (`--set KEY=TEXT`). `fileOnly`: keys of the collections, which only the file can hold. */
export function flagLayer(section: Section, flags: Readonly<Record<string, string>>, fileOnly: readonly string[], report: Report): Layer {
  const byKey = new Map(leavesOf(section));
  const values = new Map<string, unknown>();
  const where = (key: string): string => `--set ${key}`;
  const tell = (key: string, value: string | null, problem: string, remedy: string): void => { report({ file: where(key), key, value, problem, remedy }); };
  for (const [key, text] of Object.entries(flags)) {
    const leaf = byKey.get(key);
    if (leaf !== undefined) {
      if (keep(leaf, text, key, tell)) values.set(key, text);
    } else if (fileOnly.some((name) => new RegExp(`^${name}\\b`).test(key))) {
      tell(key, null, 'cannot be set by a flag', 'Write it into the configuration file.');
    } else {
      const near = nearest(key, [...byKey.keys()]);
      tell(key, null, 'is not a known key', near === null ? '`bw-bkup config show` lists the keys.' : `Did you mean ${near}?`);
    }
  }
  return { kind: 'flag', values, where };
}
