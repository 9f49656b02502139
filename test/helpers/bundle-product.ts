import { chmod, copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { rolldown, type Plugin } from 'rolldown';
import { sourcesFile, type Sources } from './bundle-sources.js';

const ROOT = resolve(import.meta.dirname, '../..');
const ROOMS = ['bin', 'producer', 'shared', 'worker'];

/** What processes of tests start with, and what scripts of tests import. */
const ENTRIES = [
  'bin/bw-bkup',
  'shared/process/launcher/launcher-main',
  'shared/transfer/bandwidth',
  'shared/transfer/rclone/rclone-backend',
  'test/faults/kill/kill-worker',
  'test/faults/worker-main',
  'test/globus-simulator/main',
] as const;

/** They look for files of their own beside them. */
const WITH_FILES = /^(?:@bull-board\/|express$|pino$|pino-pretty$)/;

/**
 * Makes JavaScript of the whole product, readable by every user, in `made`, which becomes `dir`. Its modules and its libraries are put together in a few files: a process loads
 * these in 0.3 s of processor time, the 570 files they come from in 0.9 s, and the tests start hundreds.
 */
export async function bundleProduct(made: string, dir: string): Promise<void> {
  const input = Object.fromEntries(ENTRIES.map((entry) => [entry, join(ROOT, `${entry}.ts`)]));
  const bundle = await rolldown({ input, cwd: ROOT, platform: 'node', external: WITH_FILES, plugins: [inPlace(dir)], logLevel: 'warn' });
  const { output } = await bundle.write({ dir: made, format: 'esm', keepNames: true, chunkFileNames: 'chunks/[name]-[hash].js', sourcemap: 'hidden' });
  await bundle.close();
  for (const each of output) if (each.type === 'chunk' && each.map !== null) await writeFile(join(made, sourcesFile(each.fileName)), JSON.stringify(sourcesOf(each.map, each.code, dirname(join(made, each.fileName)))));
  for (const room of ROOMS) await copyOthers(room, made);
  await copyFile(join(ROOT, 'package.json'), join(made, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(made, 'node_modules'));
  await chmod(made, 0o755);
}

/** Looked up here, once: a process that reads the map itself needs 0.1 s for it. */
function sourcesOf(map: { readonly sources: readonly string[]; toString(): string }, code: string, dir: string): Sources {
  const entries = new SourceMap(JSON.parse(map.toString()) as SourceMapPayload);
  const numbers = new Map(map.sources.map((source, number) => [source, number]));
  const lines = code.split('\n').map((text, line) => {
    const entry = entries.findEntry(line, text.length);
    return 'originalSource' in entry && entry.generatedLine === line ? (numbers.get(entry.originalSource) ?? -1) : -1;
  });
  return { files: map.sources.map((source) => relative(ROOT, resolve(dir, source))), lines };
}

/** Modules that look for files beside them find them where they would lie without a bundle. */
function inPlace(dir: string): Plugin {
  return {
    name: 'in-place',
    transform: (code, id) => {
      const file = relative(ROOT, id);
      if (!ROOMS.some((room) => file.startsWith(`${room}/`)) || !code.includes('import.meta.url')) return null;
      return { code: code.replaceAll('import.meta.url', JSON.stringify(`file://${join(dir, file.replace(/\.ts$/, '.js'))}`)), map: null }; // lines stay what they were
    },
  };
}

/** What is no code: files that the product reads. */
async function copyOthers(room: string, to: string): Promise<void> {
  const entries = await readdir(join(ROOT, room), { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile() && extname(each.name) !== '.ts')) {
    const file = relative(ROOT, join(entry.parentPath, entry.name));
    await mkdir(join(to, dirname(file)), { recursive: true });
    await copyFile(join(ROOT, file), join(to, file));
  }
}
