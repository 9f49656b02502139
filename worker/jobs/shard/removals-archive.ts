import { chmod, chown, mkdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { DarConfig } from '../../../shared/config/config.js';
import { listCatalogue, startCreate } from '../../../shared/dar/index.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { recordPath, type IndexRecord } from '../../../shared/index/record.js';
import { bytePath, showPath, type BytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { makeArchive, type ArchiveRun, type RawArchive } from './make-archive.js';

/** A path that is gone, or the extended attributes (ACLs are some) of one that is saved again: dar adds attributes, it does not take any away. */
export type TakenAway =
  | { readonly what: 'path'; readonly path: BytePath }
  | { readonly what: 'attributes'; readonly path: BytePath; readonly type: 'f' | 'd' };

export interface RemovalsSpec {
  /** Of attributeThatWorks; null only where no attributes are to be taken away. */
  readonly attribute: string | null;
  /** Relative to the basepath; no path that is gone is below another one. */
  readonly takenAway: readonly TakenAway[];
  /** Directories as they are now, relative to the basepath; others are passed over. */
  readonly directories: AsyncIterable<readonly IndexRecord[]>;
  /** Empty directory of ours. */
  readonly dir: string;
  /** Base name of the archive. */
  readonly name: string;
  readonly dar: DarConfig;
}

/** Given to both trees, so that dar finds a file unchanged and saves no content of it. */
const SAME_TIME = '@1000000000';
/** Any attribute will do: one that is there in the one tree and not in the other makes dar record that they were all removed. tmpfs long had only the latter. */
const ATTRIBUTES = ['user.bw-bkup', 'trusted.bw-bkup'];

/**
 * Makes an archive whose extraction by stock dar removes exactly these paths, and all attributes of those others: a skeleton of the directories that lead
 * to them, compared with a placeholder tree in which what is gone are empty files (of a directory only its top), and the others have
 * an attribute. Never against the live tree, which may change meanwhile: then dar would record, and a restore remove, what is still there.
 * (Tried with dar 2.7.8: file contents, and what is not named, stay.) Throws REMOVALS_ARCHIVE_WRONG.
 */
export async function makeRemovalsArchive(spec: RemovalsSpec, archiveRun: ArchiveRun): Promise<RawArchive> {
  const placeholder = join(spec.dir, 'placeholder');
  const skeleton = join(spec.dir, 'skeleton');
  const { signal } = archiveRun;
  const dar = { ...spec.dar, excludeXattrs: [] }; // else a mask might hide our attribute
  const { parents, gone, clearedFiles, clearedDirectories } = sortOut(spec.takenAway);
  for (const dir of [placeholder, skeleton]) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await inDirectory(dir, ['mkdir', '-p', '--'], [...parents, ...clearedDirectories], signal);
    await inDirectory(dir, ['touch', '-d', SAME_TIME, '--'], clearedFiles, signal);
  }
  await inDirectory(placeholder, ['touch', '--'], gone, signal);
  if (spec.attribute !== null) await inDirectory(placeholder, setAttribute(spec.attribute), [...clearedFiles, ...clearedDirectories], signal);
  await giveMetadata(skeleton, new Set([...parents, ...clearedDirectories]), spec.directories);
  const reference = await archivePlaceholder(spec, placeholder, signal);
  const raw = await makeArchive(
    {
      base: join(spec.dir, spec.name),
      root: bytePath.fromText(skeleton),
      listFile: null,
      reference,
      includePaths: [],
      bytes: 0n,
      entries: spec.takenAway.length + parents.length,
      dar,
      logFile: join(spec.dir, 'removals.log'),
      secretsDir: spec.dir,
    },
    archiveRun,
  );
  await checkRemoves(raw, spec, { gone, clearedFiles, signal });
  // Of ten million removed paths as many files would lie there until the end, and be counted at every look at staging. The program knows paths of any length.
  await run({ program: 'rm', args: ['-rf', '--', 'placeholder'], cwd: spec.dir }, { signal });
  return raw;
}

function setAttribute(name: string): string[] {
  return ['setfattr', '-h', '-n', name, '-v', '1', '--'];
}

/** The name of an attribute that files in this directory (of ours) can have; null: its filesystem has none. */
export async function attributeThatWorks(dir: string, signal: AbortSignal): Promise<string | null> {
  for (const name of ATTRIBUTES) {
    const [program = '', ...args] = setAttribute(name);
    const { status } = await run({ program, args: [...args, dir] }, { signal, okCodes: [0, 1] });
    if (status.code === 0) return name;
  }
  return null;
}

function sortOut(takenAway: readonly TakenAway[]): Record<'parents' | 'gone' | 'clearedFiles' | 'clearedDirectories', BytePath[]> {
  const paths = (wanted: (each: TakenAway) => boolean): BytePath[] => takenAway.filter(wanted).map(({ path }) => path);
  return {
    parents: [...new Set(takenAway.map(({ path }) => parentOf(path)))].filter((parent) => parent !== '.'),
    gone: paths(({ what }) => what === 'path'),
    clearedFiles: paths((each) => each.what === 'attributes' && each.type === 'f'),
    clearedDirectories: paths((each) => each.what === 'attributes' && each.type === 'd'),
  };
}

/** Programs that take many paths, relative to a directory, so that a path may be as long as the system lets it. */
async function inDirectory(dir: string, command: readonly string[], paths: readonly BytePath[], signal: AbortSignal): Promise<void> {
  if (paths.length === 0) return;
  const input = Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1');
  await run({ program: 'xargs', args: ['-r0', ...command], cwd: dir }, { input, signal });
}

/** What a directory would get when only the removals are extracted: as it is now. Its ACLs and attributes come with what was saved of it. */
async function giveMetadata(skeleton: string, parents: ReadonlySet<BytePath>, directories: RemovalsSpec['directories']): Promise<void> {
  for await (const records of directories) {
    for (const record of records) {
      const path = recordPath(record);
      if (record.type !== 'd' || !parents.has(path)) continue;
      const place = bytePath.toBuffer(bytePath.join(bytePath.fromText(skeleton), path));
      if (process.getuid?.() === 0) await chown(place, Number(record.uid), Number(record.gid));
      await chmod(place, Number.parseInt(record.mode, 8));
      await utimes(place, Number(record.mtime), Number(record.mtime));
    }
  }
}

/** Without encryption: it lies beside the lists of the same paths for the moment it is needed. */
async function archivePlaceholder(spec: RemovalsSpec, placeholder: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const base = join(spec.dir, 'reference');
  const create = await startCreate({
    base,
    root: bytePath.fromText(placeholder),
    listFile: null,
    includePaths: [],
    catalogueBase: null,
    dar: { ...spec.dar, excludeXattrs: [], encryption: null },
    logFile: join(spec.dir, 'reference.log'),
    secretsDir: spec.dir,
  });
  const kill = (): void => { create.kill(); };
  signal.addEventListener('abort', kill);
  if (signal.aborted) kill();
  await create.done.finally(() => { signal.removeEventListener('abort', kill); });
  return base;
}

/** rc 0 is not proof: it must record as removed what is gone, nothing else, and hold no file's content. */
async function checkRemoves(raw: RawArchive, spec: RemovalsSpec, { gone, clearedFiles, signal }: { readonly gone: readonly BytePath[]; readonly clearedFiles: readonly BytePath[]; readonly signal: AbortSignal }): Promise<void> {
  const wanted = new Set([...gone, ...clearedFiles]);
  const files = new Set(clearedFiles);
  const unwanted: string[] = [];
  for await (const batch of listCatalogue(raw.base, spec.dar, { secretsDir: spec.dir, signal })) {
    for (const { path, type, removed, data, hasEa } of batch) {
      const isDirectory = type === 'd' && !removed;
      const isCleared = !removed && data === 'referenced' && files.has(path);
      const isGone = removed && !files.has(path);
      if (hasEa || (!isDirectory && !((isCleared || isGone) && wanted.delete(path)))) unwanted.push(`${removed ? 'removed' : `${data} ${type}`} ${showPath(path)}`);
    }
  }
  if (wanted.size === 0 && unwanted.length === 0) return;
  throw new BwError('REMOVALS_ARCHIVE_WRONG', {
    message: 'the archive of removals does not remove what it should',
    subject: raw.base,
    detail: [...[...wanted].slice(0, 10).map((path) => `missing: ${showPath(path)}`), ...unwanted.slice(0, 10)].join('\n'),
    retry: 'retry',
    hint: 'It is made again. If it happens again, report it with the log of the backup; a full backup needs none.',
  });
}

function parentOf(path: BytePath): BytePath {
  const cut = path.lastIndexOf('/');
  return bytePath.of(cut === -1 ? '.' : path.slice(0, cut));
}
