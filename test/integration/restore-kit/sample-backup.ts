import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManifestArchive } from '../../../shared/catalog/manifest.js';
import { renderArchivesTsv, renderSha512Sums } from '../../../shared/restore-kit/index.js';

const DAR = ['-Q', '-N', '-az', '--fsa-scope=none', '--hash', 'sha512'];

export function sh(script: string, cwd: string): string {
  return execFileSync('bash', ['-euc', script], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A tree with what is easily lost: ACLs, default ACLs, xattrs, hard links, symlinks, odd names, owners, modes, nanosecond times. */
export function makeSource(dir: string): void {
  mkdirSync(dir);
  sh(
    `mkdir -p a/b c empty 'odd name' $'line\\nbreak'
     setfacl -d -m u:1001:rwx a; setfacl -d -m u:1001:rwx .
     printf one > a/one; ln a/one a/b/one2; printf two > a/b/two; printf three > c/three; printf x > 'odd name/ü*[x]'; printf y > $'line\\nbreak/\\xff'
     head -c 300000 /dev/urandom > c/big; ln -s nowhere l; mkfifo c/pipe
     setfacl -b a/one a/b/two; chmod 664 a/one; chown -h 1234:1235 a/one c l; chmod 4711 c/big; setfacl -m u:1002:r c/three; setfattr -n user.k -v v c; setfattr -n user.f -v w a/b/two
     setfattr -n user.top -v top .; setfacl -m u:1003:rx .; chown 1234:1235 .; chmod 2750 .
     find . -depth -mindepth 1 -exec touch -h -d '2001-02-03 04:05:06.123456789' {} +; touch -d '2002-03-04 05:06:07.987654321' .`,
    dir,
  );
}

/** Everything a restore must bring back, as text: type, mode, owner, time, size, links, ACLs, attributes, content. */
export function describeTree(dir: string): string {
  return sh(
    `find . -printf '%p %y %m %U:%G %T@ %n %l ' \\( -type f -printf '%s' -o -true \\) -printf '\\n' | LC_ALL=C sort
     getfacl -R -p -n . | LC_ALL=C sort; getfattr -R -h -d -m - . | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha512sum`,
    dir,
  );
}

export interface MadeArchive {
  readonly name: string;
  readonly kind: ManifestArchive['kind'];
  readonly restoreOrder: number;
  readonly directoriesWithEa: number;
  readonly keyId?: string;
}

/** `dar -c` of listed paths into the backup's directory, as a shard does it. */
export function archive(dir: string, name: string, root: string, list: readonly string[] | null, extra: readonly string[] = []): void {
  mkdirSync(dir, { recursive: true });
  const listFile = `${dir}.list`;
  if (list !== null) writeFileSync(listFile, list.map((path) => `${path}\n`).join(''));
  const selection = list === null ? [] : ['-[', listFile];
  execFileSync('dar', ['-c', join(dir, name), '-R', root, ...selection, ...DAR, ...extra], { stdio: 'ignore' });
}

/** The metadata archive: a skeleton whose one entry `root` looks like the basepath directory itself. */
export function archiveMetadata(dir: string, name: string, source: string, extra: readonly string[] = []): void {
  const skeleton = `${dir}.${name}.skeleton`;
  mkdirSync(join(skeleton, 'root'), { recursive: true });
  const tar = "tar --no-recursion --acls --xattrs --xattrs-include='*' --format=posix";
  sh(`${tar} -cf - -C "${source}" . | tar -xpf - --acls --xattrs --xattrs-include='*' --same-owner -C root`, skeleton);
  archive(dir, name, skeleton, null, extra);
}

/** archives.tsv and SHA512SUMS of what lies in the backup's directory. */
export function finish(dir: string, made: readonly MadeArchive[]): void {
  const archives = made.map(({ name, keyId, ...rest }): ManifestArchive => ({
    ...rest,
    key: '1.1',
    name,
    entries: 1,
    withEa: rest.directoriesWithEa,
    keyId: keyId ?? null,
    catalogue: null,
    slices: slicesOf(dir, name),
    dar: { version: '2.7.8', exitCode: 0, host: 'h', wallMs: 0, peakRssBytes: null, bytesPerSecond: 0, filesPerSecond: 0, lastError: null },
  }));
  writeFileSync(join(dir, 'archives.tsv'), renderArchivesTsv({ archives }));
  writeFileSync(join(dir, 'SHA512SUMS'), renderSha512Sums({ archives }));
}

function slicesOf(dir: string, base: string): ManifestArchive['slices'] {
  const names = readdirSync(dir).filter((name) => name.startsWith(`${base}.`) && name.endsWith('.dar'));
  return names.map((name) => {
    const bytes = readFileSync(join(dir, name));
    return { number: Number(name.split('.').at(-2)), name, bytes: bytes.length, sha512: createHash('sha512').update(bytes).digest('hex'), locations: {} };
  });
}

/** A full backup of `source` in two data archives (one of several slices) and a metadata archive. */
export function makeFull(dir: string, source: string, extra: readonly string[] = [], keyId?: string): void {
  archive(dir, 's1', source, ['a', 'a/one', 'a/b', 'a/b/one2', 'a/b/two'], extra);
  archive(dir, 's2', source, null, ['-P', 'a', '-s', '100k', ...extra]);
  archiveMetadata(dir, 'm', source, extra);
  const key = keyId === undefined ? {} : { keyId };
  finish(dir, [
    { name: 'm', kind: 'metadata', restoreOrder: 2, directoriesWithEa: 1, ...key },
    { name: 's1', kind: 'data', restoreOrder: 1, directoriesWithEa: 1, ...key },
    { name: 's2', kind: 'data', restoreOrder: 1, directoriesWithEa: 1, ...key },
  ]);
}
