import type { BytePath } from '../paths/byte-path.js';
import { bytePath } from '../paths/byte-path.js';

/**
 * Whether the exclude patterns take a path out, by itself or with a directory above it: the same as find does with them (find-command.ts), where `*` and
 * `?` match any byte, `/` too. Pure.
 */
export function excludedBy(patterns: readonly string[]): (path: BytePath) => boolean {
  if (patterns.length === 0) return () => false;
  const names = patterns.filter((pattern) => !pattern.includes('/')).map(compile);
  const paths = patterns.filter((pattern) => pattern.includes('/')).map((pattern) => compile(pattern.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')));
  const one = (path: string): boolean => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return names.some((expression) => expression.test(name)) || paths.some((expression) => expression.test(path));
  };
  return (path) => {
    if (path === '.') return false;
    for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) if (one(path.slice(0, cut))) return true;
    return one(path);
  };
}

const TOKEN = /\*|\?|\[(?:!|\^)?\]?[^\]]*\]|\\.|[^]/g;

/** fnmatch(3) without flags, on bytes. */
function compile(pattern: string): RegExp {
  const source = bytePath.fromText(pattern).replace(TOKEN, (token) => {
    if (token === '*') return '[^]*';
    if (token === '?') return '[^]';
    if (token.length > 2 && token.startsWith('[')) return characterClass(token.slice(1, -1));
    return escape(token.length === 2 && token.startsWith('\\') ? token.slice(1) : token);
  });
  return new RegExp(`^${source}$`);
}

function characterClass(content: string): string {
  const negated = content.startsWith('!') || content.startsWith('^');
  const members = (negated ? content.slice(1) : content).replace(/[\\\]^[]/g, '\\$&');
  return `[${negated ? '^' : ''}${members}]`;
}

function escape(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
