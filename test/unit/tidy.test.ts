// What a linter cannot see: names, sizes, places, and whether documentation and code say the same.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** Not ours, or made by tools. */
const OUTSIDE = new Set(['.git', 'node_modules', 'dist']);
const PRODUCT = ['bin', 'deploy', 'producer', 'shared', 'worker'];
const ROOT_ENTRIES = [
  ...['.ci', 'bin', 'deploy', 'producer', 'shared', 'test', 'worker'],
  ...['README.md', 'CHANGELOG.md', 'LICENSE', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'],
  ...['.gitignore', '.gitattributes', '.editorconfig', '.npmrc', '.nvmrc', 'eslint.config.js', 'vitest.config.ts'],
];
const MAX_LINES = 400;

function filesBelow(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (dir === '' && (OUTSIDE.has(entry.name) || entry.name.endsWith('.tsbuildinfo'))) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const all = filesBelow('');
const text = new Map(all.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
const read = (file: string): string => text.get(file) ?? '';
const isProduct = (file: string): boolean => PRODUCT.includes(file.split('/')[0] ?? '');
const isCode = (file: string): boolean => ['.ts', '.js', '.sh'].includes(extname(file));
/** This very file names what it forbids. */
const others = all.filter((file) => file !== relative(ROOT, fileURLToPath(import.meta.url)));

/** `FILE:LINE: TEXT` of every line that matches. */
function linesMatching(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    read(file).split('\n').flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}

describe('places', () => {
  it('only known entries at the root', () => {
    const entries = readdirSync(ROOT).filter((name) => !OUTSIDE.has(name) && !name.endsWith('.tsbuildinfo'));
    expect(entries.filter((name) => !ROOT_ENTRIES.includes(name))).toEqual([]);
  });

  it('a README in every top folder and every folder of shared', () => {
    const tops = [...PRODUCT, 'test'];
    const rooms = readdirSync(join(ROOT, 'shared'), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => `shared/${entry.name}`);
    const missing = [...tops, ...rooms].filter((dir) => !all.some((file) => file === `${dir}/README.md`));
    expect(missing).toEqual([]);
  });

  it('unit tests mirror the tree', () => {
    const tested = all.filter((file) => /^test\/unit\/.*\/[^/]+\.test\.ts$/.test(file)).map((file) => dirname(file).slice('test/unit/'.length));
    expect([...new Set(tested)].filter((dir) => !isDirectory(dir))).toEqual([]);
  });
});

function isDirectory(dir: string): boolean {
  return statSync(join(ROOT, dir), { throwIfNoEntry: false })?.isDirectory() === true;
}

describe('names', () => {
  const CONVENTIONAL = /^(README\.(md|txt)|CHANGELOG\.md|LICENSE)$/;
  const KEBAB = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;

  it('kebab-case', () => {
    const odd = all.filter((file) => file.split('/').some((part) => !KEBAB.test(part) && !CONVENTIONAL.test(part)));
    expect(odd).toEqual([]);
  });

  it('no drawer for everything', () => {
    expect(all.filter((file) => /(^|[/-])(utils?|common|helper|misc|stuff)(-|\.|\/)/.test(file))).toEqual([]);
  });
});

describe('contents', () => {
  it(`no source file above ${MAX_LINES} lines`, () => {
    const long = all.filter((file) => !file.startsWith('test/') && isCode(file) && read(file).split('\n').length > MAX_LINES);
    expect(long).toEqual([]);
  });

  it('nothing left for later', () => {
    expect(linesMatching(others.filter((file) => file !== 'package-lock.json'), /\b(TODO|FIXME|XXX|HACK)\b(?!\w)/)).toEqual([]);
  });

  it('no test that is switched off or alone', () => {
    expect(linesMatching(others.filter((file) => file.endsWith('.test.ts')), /\b(it|test|describe)\.(only|skip|todo)\b/)).toEqual([]);
  });

  it('nothing silenced', () => {
    expect(linesMatching(others.filter((file) => file.endsWith('.ts')), /@ts-(ignore|nocheck|expect-error)/)).toEqual([]);
  });

  it('no path of a machine or a person', () => {
    // Invented people of examples may have a home.
    const personal = /\/(home|Users)\/(?!(alice|bob|carol|lost\+found)\b)[A-Za-z]|\/root\/[\w.]|[A-Z]:\\\\Users/;
    const files = others.filter((file) => file !== 'package-lock.json');
    expect(linesMatching(files, personal)).toEqual([]);
    expect(files.filter((file) => ROOT.split('/').length > 2 && read(file).includes(`${ROOT}/`))).toEqual([]);
  });

  it('packages come from the public registry, whatever mirror was used', () => {
    const urls = [...read('package-lock.json').matchAll(/"resolved": "([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(urls.filter((url) => !url.startsWith('https://registry.npmjs.org/'))).toEqual([]);
  });
});

/** Where each folder may not reach; a second line behind eslint.config.js, which could be switched off in a comment. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  shared: ['producer', 'worker', 'bin', 'deploy', 'test'],
  producer: ['worker', 'bin', 'deploy', 'test'],
  worker: ['producer', 'bin', 'deploy', 'test'],
  bin: ['deploy', 'test'],
  deploy: ['producer', 'worker', 'bin', 'test'],
};

describe('layers', () => {
  const imports = all.filter((file) => isProduct(file) && file.endsWith('.ts')).flatMap((file) =>
    [...read(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({ file, target: match[1] ?? '' })),
  );

  it('data flows one way', () => {
    const wrong = imports.filter(({ file, target }) => {
      if (!target.startsWith('.')) return false;
      const top = join(dirname(file), target).split('/')[0] ?? '';
      return FORBIDDEN[file.split('/')[0] ?? '']?.includes(top) === true;
    });
    expect(wrong).toEqual([]);
    expect(imports.length).toBeGreaterThan(100);
  });

  it('only shared/process starts programs', () => {
    const spawning = imports.filter(({ target }) => /^(node:)?child_process$|^execa$|^(node:)?cluster$/.test(target));
    expect(spawning.filter(({ file }) => !file.startsWith('shared/process/'))).toEqual([]);
  });
});

describe('error codes', () => {
  /** Written in capitals, but no error codes. */
  const OTHER_WORDS = /^(BW_.*|NO_COLOR|REDISCLI_AUTH|NOTHING_MATCHED)$/;
  const sources = all.filter((file) => isProduct(file) && file.endsWith('.ts'));
  // Two words or more in capitals are a code wherever they stand; a single word only where it is thrown.
  const literals = sources.flatMap((file) => [...read(file).matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g)].map((match) => match[1] ?? ''));
  const thrown = sources.flatMap((file) => [...read(file).matchAll(/new BwError\(\s*'([A-Z0-9_]+)'/g)].map((match) => match[1] ?? ''));
  /** `DAR_LACKS_${what}` is documented as `DAR_LACKS_*`. */
  const families = sources.flatMap((file) => [...read(file).matchAll(/new BwError\(\s*`([A-Z0-9_]+)\$\{/g)].map((match) => `${match[1] ?? ''}*`));
  const used = new Set([...literals, ...thrown, ...families].filter((code) => !OTHER_WORDS.test(code)));
  const documented = [...read('shared/errors/codes.md').matchAll(/^\| `([A-Z0-9_]+\*?)` \|/gm)].map((match) => match[1] ?? '');

  it('every code is documented in shared/errors/codes.md', () => {
    expect([...used].filter((code) => !documented.includes(code)).sort()).toEqual([]);
  });

  it('every documented code exists, once, in order', () => {
    expect(documented.filter((code) => !used.has(code))).toEqual([]);
    expect(documented).toEqual([...new Set(documented)].sort());
  });
});
