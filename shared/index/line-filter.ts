import { bytePath, type BytePath } from '../paths/byte-path.js';
import { keyLength, keyOfPath, pathOfLine } from './format.js';
import { compileGlob } from './glob.js';

/** Which lines of indexes are wanted. */
export interface LineFilter {
  /** What `grep -z` is given, one after the other: each lets through all that is wanted, and most of the rest not (1,000,000 lines: 0.2 s). */
  readonly stages: readonly (readonly Buffer[])[];
  /** Whether a line that came through is wanted. */
  readonly matches: (line: string) => boolean;
}

/** Lines of paths that a glob pattern (glob.ts) matches. Pure. */
export function globFilter(pattern: string): LineFilter {
  if (pattern === '*' || pattern === '**') return { stages: [], matches: () => true };
  const matches = compileGlob(pattern);
  const parts = bytePath.fromText(pattern.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')).split('/');
  const stages = [directoryStage(parts), nameStage(parts.at(-1) ?? '')].filter((stage) => stage !== null);
  return { stages, matches: (line) => matches(pathOfLine(line)) };
}

/** Lines of one path, whatever it is. Pure. */
export function pathFilter(path: BytePath): LineFilter {
  const keys = [...new Set([keyOfPath(path, 'f'), keyOfPath(path, 'd')])];
  // A newline ends a pattern of grep: what comes through then holds one of its halves.
  return { stages: [fixed([...keys, '//END '])], matches: (line) => keys.some((key) => line.startsWith(key) && keyLength(line) === key.length) };
}

/** Below the directories that a pattern spells out. */
function directoryStage(parts: readonly string[]): Buffer[] | null {
  const wild = parts.slice(0, -1).findIndex((part) => /[*?[\\]/.test(part));
  const spelt = parts.slice(0, wild === -1 ? -1 : wild);
  return spelt.length === 0 ? null : expressions([`^\\./${spelt.map(translate).join('/')}/`]);
}

/** By the name alone, which stands at the end of a key: `//NAME/`, of a directory `/NAME//./`. */
function nameStage(name: string): Buffer[] | null {
  if (name.includes('**') || /^\*+$/.test(name)) return null;
  return expressions([`//${translate(name)}/`, `/${translate(name)}//\\./`]);
}

const TOKEN = /\*|\?|\[(?:!|\^)?\]?[^\]]*\]|\\[^]|[^]/g;

/** An extended expression that matches at least what the glob matches: classes, and newlines, which end a pattern of grep, as any byte. */
function translate(glob: string): string {
  return glob.replace(TOKEN, (token) => {
    if (token === '*') return '[^/]*';
    if (token === '?' || token === '\n' || token === '\\\n' || (token.length > 2 && token.startsWith('['))) return '[^/]';
    return (token.length === 2 ? token.slice(1) : token).replace(/[\\^$.*+?()[\]{}|]/, '\\$&');
  });
}

/** The end records come through too: without them an index is void. */
function expressions(patterns: readonly string[]): Buffer[] {
  return ['-E', ...[...patterns, '^//END '].flatMap((pattern) => ['-e', pattern])].map((arg) => Buffer.from(arg, 'latin1'));
}

function fixed(texts: readonly string[]): Buffer[] {
  return ['-F', ...texts.flatMap((text) => ['-e', text])].map((arg) => Buffer.from(arg, 'latin1'));
}
