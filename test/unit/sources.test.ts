// Nothing of ours touches a source but programs with a timer: a call on a mount that hangs takes a thread of the process for good, and there are four of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** A module that is given, or makes, a path of a source: by the functions that all of them come from or go to, or as a root in bytes. */
const HANDLES_SOURCES =
  /\b(readRoot|inspectRoot|withinTime|probeMount|samplePaths|statProbe|examinePaths|findTree|findBelow|findPaths|lookAtSource|findBasepaths|compareWithSource|copyDirectoryMetadata|stripAttributes)\b|\broot: BytePath|\.readFrom\b/;
const FS = /^import (?:type )?\{([^}]*)\} from 'node:fs(?:\/promises)?';$|^import [^{].* from 'node:fs(?:\/promises)?';$/gm;

/** Those that use files of ours too: which functions, and on what. Look at the module before it gets a line here, or another function. */
const OURS: Readonly<Record<string, { readonly fs: string; readonly on: string }>> = {
  'producer/cli/doctor/checks.ts': { fs: 'statfs', on: 'staging, catalog, state and restore targets' },
  'producer/cli/plan-shards-command.ts': { fs: 'mkdtemp, rm', on: 'a work directory of ours' },
  'shared/config/facts.ts': { fs: 'readFile, realpath, stat, statfs', on: 'stores and secrets; topdirs are looked at by source-fact.ts' },
  'shared/dar/extract.ts': { fs: 'mkdtemp, rm, stat', on: 'staging' },
  'shared/index/find-listing.ts': { fs: 'createReadStream, writeFile', on: 'listing and messages in the work directory' },
  'shared/index/plan-shards.ts': { fs: 'appendFile, rename', on: 'lists in the work directory' },
  'shared/index/reconcile.ts': { fs: 'rename', on: 'lists in the work directory' },
  'shared/index/walk-tree.ts': { fs: 'writeFile', on: 'names for find in the work directory' },
  'worker/jobs/restore/make-directories.ts': { fs: 'mkdir', on: 'the target of a restore' },
  'worker/jobs/restore/resume.ts': { fs: 'chmod, stat', on: 'the target of a restore' },
  'worker/jobs/shard/metadata-archive.ts': { fs: 'mkdir, writeFile', on: 'the skeleton in staging' },
};

function modules(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts')).map((file) => `${dir}/${file}`);
}

const used = new Map<string, string>();
let handling = 0;
for (const file of ['bin', 'producer', 'shared', 'worker'].flatMap(modules)) {
  const text = readFileSync(join(ROOT, file), 'utf8');
  if (!HANDLES_SOURCES.test(text)) continue;
  handling++;
  const names = [...text.matchAll(FS)].flatMap(([, list = '(all)']) => list.split(',').map((name) => name.trim()).filter((name) => name !== ''));
  if (names.length > 0) used.set(file, names.sort().join(', '));
}

describe('modules that handle paths of sources', () => {
  it('use no call of the filesystem but those that are known to touch only what is ours', () => {
    expect(handling).toBeGreaterThan(40); // the pattern finds them
    expect(Object.fromEntries(used)).toEqual(Object.fromEntries(Object.entries(OURS).map(([file, { fs }]) => [file, fs])));
  });

  it('enter no directory of a source before its program begins', () => {
    const entering = ['producer', 'shared', 'worker'].flatMap(modules).filter((file) => !file.startsWith('shared/process/'));
    const found = entering.filter((file) => /\bcwd: /.test(readFileSync(join(ROOT, file), 'utf8')));
    expect(found).toEqual(['worker/jobs/shard/removals-archive.ts']); // in staging
  });
});
