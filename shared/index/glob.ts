import { bytePath, type BytePath } from '../paths/byte-path.js';

/**
 * Compiles a glob pattern for paths: `*` and `?` within a name, `**` across names, `[...]`, `\` takes the next character
 * literally. Without `/` it is matched against the name, with one against the path below the basepath. Bytes, not characters: `?` is one byte.
 */
export function compileGlob(pattern: string): (path: BytePath) => boolean {
  const bytes = bytePath.fromText(pattern.replace(/^(\.?\/)+/, '').replace(/\/+$/, ''));
  const expression = new RegExp(`^${translate(bytes)}$`, 's');
  if (bytes.includes('/')) return (path) => expression.test(path);
  return (path) => expression.test(path.slice(path.lastIndexOf('/') + 1));
}

const TOKEN = /\*\*\/|\*\*|\*|\?|\[(?:!|\^)?\]?[^\]]*\]|\\.|[^]/g;

function translate(glob: string): string {
  return glob.replace(TOKEN, (token) => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length > 2 && token.startsWith('[')) return characterClass(token.slice(1, -1));
    return escape(token.length === 2 && token.startsWith('\\') ? token.slice(1) : token);
  });
}

function characterClass(content: string): string {
  const negated = content.startsWith('!') || content.startsWith('^');
  const members = (negated ? content.slice(1) : content).replace(/[\\\]^[]/g, '\\$&');
  return `(?!/)[${negated ? '^' : ''}${members}]`;
}

function escape(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
