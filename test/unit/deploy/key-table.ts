import { formats } from '../../../shared/config/formats.js';
import { BASEPATHS_KEY, basepathSchema, collections, envName, leavesOf, ltsSchema, siteSchema, topdirSchema, type Leaf, type Section } from '../../../shared/config/schema.js';

/** The rows deploy/config/README.md must have, made from the schema: `| key | default | variable | takes | meaning |`. */
export function keyTable(): string[] {
  return [
    ...Object.entries(collections).map(([name, { doc }]) => cells(`\`${name}\``, '', '', '', doc)),
    ...rows(siteSchema, '', true),
    ...rows(topdirSchema, 'topdirs[].', false),
    ...rows(basepathSchema, `topdirs[].${BASEPATHS_KEY}[].`, false),
    ...rows(ltsSchema, 'lts[].', false),
  ];
}

function rows(section: Section, prefix: string, withEnv: boolean): string[] {
  return leavesOf(section).map(([key, leaf]) => cells(`\`${prefix}${key}\``, defaultText(leaf), withEnv ? `\`${envName(key)}\`` : '', formatText(leaf), leaf.doc));
}

function cells(...texts: string[]): string {
  return `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}

function defaultText(leaf: Leaf): string {
  if (leaf.required === true) return '**to be given**';
  if (leaf.default === null) return 'none';
  return Array.isArray(leaf.default) ? `\`[${leaf.default.join(', ')}]\`` : `\`${String(leaf.default)}\``;
}

function formatText(leaf: Leaf): string {
  const least = leaf.min === undefined ? '' : `, at least ${leaf.min}`;
  const most = leaf.max === undefined ? '' : `, at most ${leaf.max}`;
  return `${formats[leaf.format].accepts}${least}${most}${leaf.nullable === true ? '; or none' : ''}`;
}
