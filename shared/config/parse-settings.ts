import type { Config } from './config.js';
import { envLayer, fileLayer, flagLayer, type FilePart, type Layer, type Report } from './layers.js';
import { loadSection, withDefaults, type LoadedSection, type SourcedValue } from './load-section.js';
import type { ConfigProblem, Finding } from './problems.js';
import { BASEPATHS_KEY, basepathSchema, collections, hostSections, ltsSchema, overridableSections, siteSchema, topdirSchema, type Section, type Values } from './schema.js';
import { isTree, readYaml, type TreePath, type YamlTree } from './yaml-tree.js';

/** Every key's origin, by dotted key such as `topdirs[0].dar.sliceSize` (topdirs: only what they set themselves). */
export type Sources = Readonly<Record<string, SourcedValue>>;

export type SiteSettings = Values<typeof siteSchema>;
export type BasepathSettings = Values<typeof basepathSchema>;
export type TopdirSettings = Values<typeof topdirSchema> & Values<typeof overridableSections> & { readonly basepaths: readonly BasepathSettings[] };
export type LtsSettings = Values<typeof ltsSchema>;

/** All values, typed and merged, but not yet known to be complete or to fit this host. */
export interface Settings {
  readonly host: Config['host'];
  /** Bytes of memory for one dar on the host that has least. */
  readonly shardMemory: number;
  readonly site: SiteSettings;
  readonly topdirs: readonly TopdirSettings[];
  readonly lts: readonly LtsSettings[];
}

export interface ParseInput {
  /** Content of the configuration file, and its name for messages. */
  readonly text: string;
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  /** Dotted keys with text. */
  readonly flags: Readonly<Record<string, string>>;
  /** Name of the machine, for when `host` is not configured. */
  readonly hostname: string;
}

export interface Parsed {
  readonly settings: Settings;
  readonly sources: Sources;
  readonly problems: readonly ConfigProblem[];
  /** Findings of a rule, with the place each value came from; none about values that could not be read. */
  readonly locate: (findings: readonly Finding[]) => ConfigProblem[];
}

/** Variables that are no configuration keys. */
const OTHER_VARIABLES = ['BW_CONFIG'];
const COLLECTIONS = Object.keys(collections);

/** Text, environment and flags to settings and everything wrong with them. Pure: looks at nothing but its input. */
export function parseSettings(input: ParseInput): Parsed {
  const yaml = readYaml(input.text, input.file);
  const problems: ConfigProblem[] = [...yaml.problems];
  const report: Report = (problem) => void problems.push(problem);
  const { host, site, shardMemory } = readSite(input, yaml, report);
  const items = (name: 'topdirs' | 'lts'): FilePart[] => listItems(yaml.root[name], [name], '', yaml, report);
  const topdirs = items('topdirs').map((part) => ({ part, loaded: readTopdir(part, site, yaml, report) }));
  const lts = items('lts').map((part) => ({ part, loaded: loadSection(ltsSchema, [fileLayer(ltsSchema, part, report)]) }));
  const sources: Sources = {
    ...Object.fromEntries(site.sources),
    host: { ...(site.sources.get('host') ?? DEFAULT_SOURCE), value: host },
    ...Object.fromEntries([...topdirs.flatMap(({ loaded }) => [loaded, ...loaded.basepaths]), ...lts.map(({ part, loaded }) => ({ part, ...loaded }))].flatMap(({ part, sources }) => prefixed(part, sources))),
  };
  const settings: Settings = { host, shardMemory, site: site.values, topdirs: topdirs.map(({ loaded }) => ({ ...loaded.values, basepaths: loaded.basepaths.map(({ values }) => values) })), lts: lts.map((l) => l.loaded.values) };
  // A file that is no YAML gave no values, and a value that could not be read was reported: that they are missing says nothing.
  const known = new Set(problems.map((problem) => problem.key));
  const missing = yaml.problems.length > 0 ? [] : findMissing(settings);
  // A value that could not be read is taken for none: that it is missing would be no news.
  const locate = (findings: readonly Finding[]): ConfigProblem[] => findings.filter(({ key }) => !known.has(key)).map((finding) => ({ file: origin(finding, sources, yaml), ...finding }));
  return { settings, sources, problems: [...problems, ...locate(missing)], locate };
}

const DEFAULT_SOURCE: SourcedValue = { kind: 'default', where: 'default', value: '' };

function readSite(input: ParseInput, yaml: YamlTree, report: Report): { host: string; site: LoadedSection<typeof siteSchema>; shardMemory: number } {
  const tree = Object.fromEntries(Object.entries(yaml.root).filter(([name]) => !COLLECTIONS.includes(name)));
  // The collections are names that can be meant at the top too.
  const file = fileLayer({ ...siteSchema, ...COLLECTION_NAMES }, { kind: 'file', tree, path: [], prefix: '', where: yaml.where }, report);
  const env = envLayer(siteSchema, input.env, OTHER_VARIABLES, report);
  const flags = flagLayer(siteSchema, input.flags, COLLECTIONS, report);
  const host = loadSection(siteSchema, [file, env, flags]).values.host ?? input.hostname;
  const overrides = hostLayers(yaml, report);
  // `hosts:` may name a host in full or by its first label.
  const own = overrides.get(host) ?? overrides.get(host.split('.')[0] ?? host);
  const site = loadSection(siteSchema, [file, ...(own === undefined ? [] : [own]), env, flags]);
  const hosts = [[], ...[...overrides.values()].map((layer) => [layer])].map((layers) => loadSection(siteSchema, [file, ...layers]));
  return { host, site, shardMemory: Math.min(...[site, ...hosts].map(({ values }) => memoryPerSlot(values))) };
}

function memoryPerSlot({ worker }: SiteSettings): number {
  return Math.floor(worker.memoryBudget / worker.slots);
}

/** So that `topdir:` is told "did you mean topdirs?"; never holds values. */
const COLLECTION_NAMES: Section = Object.fromEntries(COLLECTIONS.map((name) => [name, {}]));

/** All hosts' overrides are checked on every host, so that one `config check` finds them all. */
function hostLayers(yaml: YamlTree, report: Report): Map<string, Layer> {
  const hosts = yaml.root['hosts'] ?? {};
  if (!isTree(hosts)) {
    report({ file: yaml.where(['hosts']), key: 'hosts', value: null, problem: 'is not a map of host names', remedy: 'Write `hosts: {NAME: {staging: {dir: ...}}}`.' });
    return new Map();
  }
  return new Map(
    Object.entries(hosts).map(([name, tree]) => [
      name,
      fileLayer(hostSections, { kind: 'host', tree, path: ['hosts', name], prefix: `hosts.${name}.`, where: yaml.where }, report),
    ]),
  );
}

function listItems(raw: unknown, path: TreePath, prefix: string, yaml: YamlTree, report: Report): FilePart[] {
  const name = String(path.at(-1));
  const list = raw ?? [];
  if (Array.isArray(list)) {
    return list.map((tree: unknown, index) => ({ kind: 'file', tree: tree ?? {}, path: [...path, index], prefix: `${prefix}${name}[${index}].`, where: yaml.where }));
  }
  report({ file: yaml.where(path), key: `${prefix}${name}`, value: null, problem: 'is not a list', remedy: `Begin every entry of ${name} with "- ".` });
  return [];
}

type Part<S extends Section> = LoadedSection<S> & { readonly part: FilePart };
type LoadedTopdir = Part<typeof collections.topdirs.item> & { readonly basepaths: readonly Part<typeof basepathSchema>[] };

function readTopdir(part: FilePart, site: LoadedSection<typeof siteSchema>, yaml: YamlTree, report: Report): LoadedTopdir {
  const whole = isTree(part.tree) ? part.tree : {};
  const { [BASEPATHS_KEY]: below, ...tree } = whole;
  // The list below it is a name that can be meant too.
  const layer = fileLayer({ ...collections.topdirs.item, [BASEPATHS_KEY]: {} }, { ...part, tree: isTree(part.tree) ? tree : part.tree }, report);
  const topdir = loadSection({ ...topdirSchema, ...withDefaults(overridableSections, site.raw) }, [layer]);
  const items = listItems(below, [...part.path, BASEPATHS_KEY], part.prefix, yaml, report);
  return { part, ...topdir, basepaths: items.map((item) => readBasepath(item, topdir, report)) };
}

function readBasepath(part: FilePart, topdir: LoadedSection<typeof collections.topdirs.item>, report: Report): Part<typeof basepathSchema> {
  const section = { path: basepathSchema.path, ...withDefaults({ schedule: basepathSchema.schedule, retention: basepathSchema.retention }, topdir.raw) };
  return { part, ...loadSection(section, [fileLayer(basepathSchema, part, report)]) };
}

/** A topdir's inherited settings have the site's source, so only what it sets itself is named. */
function prefixed(part: FilePart, sources: ReadonlyMap<string, SourcedValue>): [string, SourcedValue][] {
  const inherited = Object.keys(overridableSections);
  return [...sources]
    .filter(([key, source]) => source.kind !== 'default' || part.path[0] !== 'topdirs' || !inherited.some((name) => key.startsWith(`${name}.`)))
    .map(([key, source]) => [`${part.prefix}${key}`, source]);
}

function findMissing({ site, topdirs, lts }: Settings): Finding[] {
  const required: [string, unknown, string][] = [
    ['topdirs', topdirs[0] ?? null, 'Name at least one directory to back up: `topdirs: [{path: /home}]`.'],
    ['lts', lts[0] ?? null, 'Name at least one place backups go to: `lts: [{name: nearline, dir: /nearline/backups}]`.'],
    ['staging.dir', site.staging.dir, 'Name a directory for slices on their way: `staging: {dir: /local/bw-staging}`.'],
    ['catalog.dir', site.catalog.dir, 'Name a directory every host sees: `catalog: {dir: /shared/bw-catalog}`.'],
    ...topdirs.map((topdir, index): [string, unknown, string] => [`topdirs[${index}].path`, topdir.path, 'Give the directory: `path: /home`.']),
    ...topdirs.flatMap(({ basepaths }, index) => basepaths.map(({ path }, at): [string, unknown, string] => [`topdirs[${index}].basepaths[${at}].path`, path, 'Give it relative to the topdir: `path: alice`.'])),
    ...lts.flatMap((store, index): [string, unknown, string][] => [
      [`lts[${index}].name`, store.name, 'Give it a short name: `name: nearline`.'],
      [`lts[${index}].dir`, store.dir, 'Give its directory: `dir: /nearline/backups`.'],
    ]),
  ];
  return required.filter(([, value]) => value === null).map(([key, , remedy]) => ({ key, value: null, problem: 'is missing', remedy }));
}

/** Where a value came from; of one that is not given, the line of what should hold it. */
function origin({ key }: Finding, sources: Sources, yaml: YamlTree): string {
  const source = Object.hasOwn(sources, key) ? sources[key] : undefined;
  if (source !== undefined && source.kind !== 'default') return source.where;
  return yaml.where(key.split(/[.[\]]+/).map((step) => (/^\d+$/.test(step) ? Number(step) : step)));
}
