import { stringify } from 'yaml';
import type { Config } from './config.js';
import type { SourcedValue } from './load-section.js';
import { maskUrl } from './mask.js';
import type { Sources } from './parse-settings.js';
import { formatSize } from './units.js';

/** Column of the "where from" comments: wide enough for most values. */
const COMMENT_COLUMN = 48;

/** The configuration for people: YAML with where each value comes from. Secrets are masked; topdirs show what they set themselves. */
export function describeConfig(config: Pick<Config, 'host' | 'policyHash' | 'staging'>, sources: Sources): string {
  const lines = [`# host ${config.host}, policy ${config.policyHash}`];
  let above: string[] = [];
  for (const [key, source] of Object.entries(sources)) {
    const steps = key.replaceAll('[', '.[').split('.');
    lines.push(...headings(steps, above), valueLine(steps, withBytes(key, source, config)));
    above = steps.slice(0, -1);
  }
  return `${lines.join('\n')}\n`;
}

/** A share of a filesystem is shown with what it comes to on this host. */
function withBytes(key: string, source: SourcedValue, { staging }: Pick<Config, 'staging'>): SourcedValue {
  if (key !== 'staging.budget' || !source.value.endsWith('%') || staging.budgetBytes === 0) return source;
  return { ...source, where: `${source.where}; here ${formatSize(staging.budgetBytes)}` };
}

/** Lines for the sections that begin here. A list entry is a comment line, so that its keys stay readable. */
function headings(steps: readonly string[], above: readonly string[]): string[] {
  const sections = steps.slice(0, -1);
  const shared = sections.findIndex((step, index) => step !== above[index]);
  if (shared === -1) return [];
  return sections.slice(shared).map((step, offset) => {
    const depth = shared + offset;
    return step.startsWith('[') ? `${indent(depth)}-` : `${indent(depth)}${step}:`;
  });
}

function valueLine(steps: readonly string[], { value, where }: SourcedValue): string {
  const text = `${indent(steps.length - 1)}${steps.at(-1) ?? ''}: ${yamlScalar(value)}`;
  return `${text.padEnd(COMMENT_COLUMN)} # ${where}`;
}

function indent(depth: number): string {
  return '  '.repeat(depth);
}

/** JSON lists are YAML already; other text is quoted only where YAML would read it as something else. */
function yamlScalar(text: string): string {
  if (text.startsWith('[')) return text;
  return /^(-?[\d.]+|true|false)$/.test(text) ? text : stringify(text, { lineWidth: 0 }).trimEnd();
}

/** The configuration without its secrets, to print or log. */
export function maskSecrets(config: Config): Config {
  return { ...config, redis: { url: config.redis.url === null ? null : maskUrl(config.redis.url) } };
}
