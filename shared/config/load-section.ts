import convict from 'convict';
import { formats, type FormatName } from './formats.js';
import { showRaw, type Layer, type SourceKind } from './layers.js';
import { envName, isLeaf, leavesOf, readLeaf, type Leaf, type Section, type Values } from './schema.js';
import { isTree } from './yaml-tree.js';

/** Where a value came from, and how it may be shown. */
export interface SourcedValue {
  readonly kind: SourceKind;
  /** `FILE:LINE`, `environment BW_...`, `--set KEY`, `default`. */
  readonly where: string;
  /** As its origin wrote it, secrets masked. */
  readonly value: string;
}

export interface LoadedSection<S extends Section> {
  readonly values: Values<S>;
  /** By dotted key within the section. */
  readonly sources: ReadonlyMap<string, SourcedValue>;
  /** Raw value of a key, to become the default of what inherits from it. */
  readonly raw: (key: string) => unknown;
}

// Under names of their own: convict coerces values of its `port`, `int`, ... formats, and reads "86x" as 86.
for (const format of Object.keys(formats) as FormatName[]) {
  convict.addFormat({
    name: convictName(format),
    // convict hands the leaf as it has it as second argument.
    validate: (raw: unknown, leaf: convict.SchemaObj): void => void readLeaf({ ...(leaf as unknown as Leaf), format }, raw),
  });
}

function convictName(format: FormatName): string {
  return `bw-${format}`;
}

/** Default < file < host part of the file < environment < flags, by convict. Layers are given weakest first. */
export function loadSection<S extends Section>(section: S, layers: readonly Layer[]): LoadedSection<S> {
  const environment = layers.find((layer) => layer.kind === 'env');
  const instance = convict<Record<string, unknown>>(convictSchema(section, ''), { env: environmentOf(environment), args: [] });
  for (const layer of layers) {
    if (layer.kind === 'file' || layer.kind === 'host') instance.load(nested(layer.values));
    if (layer.kind === 'flag') for (const [key, text] of layer.values) instance.set(key, text);
  }
  instance.validate({ allowed: 'strict' });
  const raw = (key: string): unknown => instance.get(key);
  return { values: typedValues(section, raw), sources: sourcesOf(section, layers, raw), raw };
}

function convictSchema(section: Section, above: string): convict.Schema<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(section).map(([name, node]) => [
      name,
      isLeaf(node) ? convictLeaf(node, `${above}${name}`) : convictSchema(node, `${above}${name}.`),
    ]),
  );
}

/** A required key that is still missing is reported by a rule of its own, not by convict. */
function convictLeaf(leaf: Leaf, key: string): convict.SchemaObj {
  return { ...leaf, format: convictName(leaf.format), env: envName(key), nullable: leaf.nullable === true || leaf.required === true };
}

function environmentOf(layer: Layer | undefined): NodeJS.ProcessEnv {
  return Object.fromEntries([...(layer?.values ?? [])].map(([key, text]) => [envName(key), String(text)]));
}

function nested(values: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [key, value] of values) assign(root, key.split('.'), value);
  return root;
}

function assign(root: Record<string, unknown>, steps: readonly string[], value: unknown): void {
  const [first = '', ...rest] = steps;
  if (rest.length === 0) {
    root[first] = value;
    return;
  }
  const below = root[first];
  const next = isTree(below) ? below : {};
  root[first] = next;
  assign(next, rest, value);
}

function typedValues<S extends Section>(section: S, raw: (key: string) => unknown): Values<S> {
  const values = new Map(leavesOf(section).map(([key, leaf]) => [key, readLeaf(leaf, raw(key))]));
  // Each leaf was just read by the format its type is inferred from.
  return nested(values) as Values<S>;
}

function sourcesOf(section: Section, layers: readonly Layer[], raw: (key: string) => unknown): Map<string, SourcedValue> {
  return new Map(
    leavesOf(section).map(([key, leaf]) => {
      const layer = layers.findLast((candidate) => candidate.values.has(key));
      const value = raw(key) === null ? 'none' : showRaw(leaf, raw(key));
      return [key, layer === undefined ? { kind: 'default', where: 'default', value } : { kind: layer.kind, where: layer.where(key), value }];
    }),
  );
}

/** The section with other defaults: what a topdir does not set is as the site has it. */
export function withDefaults<S extends Section>(section: S, raw: (key: string) => unknown, above = ''): S {
  return Object.fromEntries(
    Object.entries(section).map(([name, node]) => {
      const key = `${above}${name}`;
      return [name, isLeaf(node) ? { ...node, default: raw(key) } : withDefaults(node, raw, `${key}.`)];
    }),
  ) as S;
}
