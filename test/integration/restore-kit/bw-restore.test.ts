import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { kitFiles } from '../../../shared/restore-kit/index.js';
import { needsRoot } from '../../helpers/needs.js';
import { workspace } from '../../helpers/workspace.js';
import { archive, archiveMetadata, describeTree, finish, makeFull, makeSource, sh } from './sample-backup.js';

/** All the script may use; nothing of ours, no Node. A dar built with gpgme does not start without gpg. */
const PROGRAMS =
  'gpg gpgconf dash bash sh dar sha512sum tar awk sed sort find mktemp rm mkdir cat cut grep tail head chmod id tr stty basename dirname ln'.split(' ');

const RESTORED = { code: 0, output: expect.stringMatching(/restored to .*\n$/) as string };

interface Site {
  readonly dir: string;
  readonly source: string;
  readonly backup: string;
  readonly target: string;
  readonly restore: (shell: string, args: readonly string[], env?: Record<string, string>) => { code: number | null; output: string };
}

async function site(): Promise<Site> {
  const dir = await workspace();
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  for (const program of PROGRAMS) symlinkSync(sh(`command -v ${program}`, dir).trim(), join(bin, program));
  const script = join(dir, 'bw-restore.sh');
  writeFileSync(script, (await kitFiles()).find((file) => file.name === 'bw-restore.sh')?.bytes ?? '');
  const restore: Site['restore'] = (shell, args, env = {}) => {
    const options = { cwd: dir, env: { PATH: bin, TMPDIR: dir, ...env }, encoding: 'utf8', input: '' } as const;
    const { status, stdout, stderr } = spawnSync(join(bin, shell), [script, ...args], options);
    return { code: status, output: stdout + stderr };
  };
  return { dir, source: join(dir, 'source'), backup: join(dir, 'lts/alice-1/b1'), target: join(dir, 'target'), restore };
}

describe.each(['dash', 'bash'])('bw-restore.sh under %s', (shell) => {
  // Owners and trusted attributes.
  beforeEach(needsRoot);

  it('brings a tree back with owners, modes, ACLs, attributes, links and times, also its top', async () => {
    const { source, backup, target, restore, dir } = await site();
    makeSource(source);
    makeFull(backup, source);
    const before = readdirSync(dir);
    expect(restore(shell, [backup, target])).toMatchObject(RESTORED);
    expect(describeTree(target)).toBe(describeTree(source));
    expect(readdirSync(dir)).toEqual([...before, 'target'].sort());
  });

  it('takes an empty target that has ACLs of its own, and a relative name', async () => {
    const { dir, source, backup, target, restore } = await site();
    makeSource(source);
    makeFull(backup, source);
    sh('mkdir target; setfacl -d -m u:1009:rwx target; setfacl -m u:1009:rwx target', dir);
    expect(restore(shell, [backup, 'target'])).toMatchObject(RESTORED);
    expect(describeTree(target)).toBe(describeTree(source));
  });

  it('restores single paths only, whatever their names', async () => {
    const { source, backup, target, restore } = await site();
    makeSource(source);
    makeFull(backup, source);
    expect(restore(shell, [backup, target, '--', './a/b/', 'odd name/ü*[x]'])).toMatchObject(RESTORED);
    expect(sh('find . -mindepth 1 | LC_ALL=C sort', target)).toBe('./a\n./a/b\n./a/b/one2\n./a/b/two\n./odd name\n./odd name/ü*[x]\n');
    expect(sh("stat -c '%a %u %y' . a", target)).toBe(sh("stat -c '%a %u %y' . a", source));
  });

  it('fails for a path that is not in the backup', async () => {
    const { source, backup, target, restore } = await site();
    makeSource(source);
    makeFull(backup, source);
    const { code, output } = restore(shell, [backup, target, '--', 'a/one', 'no/such']);
    expect(code).toBe(1);
    expect(output).toContain('not in this backup: no/such');
  });

  it('refuses a damaged and a missing slice, and touches nothing', async () => {
    const { source, backup, target, restore } = await site();
    makeSource(source);
    makeFull(backup, source);
    const slice = join(backup, 's2.2.dar');
    const bytes = readFileSync(slice);
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000); // another byte for certain, whatever it was
    writeFileSync(slice, bytes);
    const damaged = restore(shell, [backup, target]);
    expect(damaged).toMatchObject({ code: 1 });
    expect(damaged.output).toMatch(/s2\.2\.dar: FAILED[^]*damaged or missing/);
    expect(readdirSync(target)).toEqual([]);
    sh('rm s2.2.dar', backup);
    expect(restore(shell, [backup, target]).output).toContain('a slice is missing');
  });

  it('refuses a target that is not empty, wrong arguments and what is no backup', async () => {
    const { dir, source, backup, target, restore } = await site();
    makeSource(source);
    makeFull(backup, source);
    sh('mkdir target; touch target/precious', dir);
    expect(restore(shell, [backup, target])).toMatchObject({ code: 1, output: expect.stringContaining('not empty') as string });
    expect(readdirSync(target)).toEqual(['precious']);
    expect(restore(shell, [backup])).toMatchObject({ code: 2 });
    expect(restore(shell, [source, join(dir, 'new')])).toMatchObject({ code: 1, output: expect.stringContaining('no archives.tsv') as string });
    expect(restore(shell, [backup, join(dir, 'new'), '--', '../x'])).toMatchObject({ code: 1 });
  });

  // Key derivation takes dar 0.4 s per archive opened, so one shell is enough.
  if (shell === 'dash') it('restores encrypted backups with a key file, and says so without one', async () => {
    const { dir, source, backup, target, restore } = await site();
    makeSource(source);
    writeFileSync(join(dir, 'dcf'), `-K "camellia256:it\\'s \\"open\\": \\\\ \\\` \\#1"\n`, { mode: 0o600 });
    makeFull(backup, source, ['-B', join(dir, 'dcf')], 'site-2024');
    expect(restore(shell, [backup, target]).output).toContain('BW_KEY_FILE');
    writeFileSync(join(dir, 'wrong'), 'guess');
    expect(restore(shell, [backup, target], { BW_KEY_FILE: join(dir, 'wrong') })).toMatchObject({ code: 1 });
    writeFileSync(join(dir, 'key'), `it's "open": \\ \` #1\n`);
    expect(restore(shell, [backup, target], { BW_KEY_FILE: join(dir, 'key') })).toMatchObject(RESTORED);
    expect(describeTree(target)).toBe(describeTree(source));
  });

  it('replays a chain with removals', async () => {
    const { dir, source, backup, target, restore } = await site();
    makeSource(source);
    makeFull(backup, source);
    const later = join(dir, 'lts/alice-1/b2');
    sh('rm -r c/big empty; printf new > a/new; setfacl -b a/new; chmod 664 a/new; chmod 2700 .; mkdir ph sk; cd ..', source);
    sh("mkdir -p ph/c sk/c; : > ph/c/big; : > ph/empty; rmdir source/ph source/sk; touch -d '2003-01-01' source/a source", dir);
    sh("tar --no-recursion --acls --xattrs --xattrs-include='*' --format=posix -cf - -C source c | tar -xpf - --acls --xattrs --xattrs-include='*' -C sk", dir);
    archive(`${dir}/ref/x`, 'ph', join(dir, 'ph'), null);
    archive(later, 'r', join(dir, 'sk'), null, ['-A', `${dir}/ref/x/ph`]);
    archive(later, 's', source, ['a', 'a/new', 'c']);
    archiveMetadata(later, 'm', source);
    finish(later, [
      { name: 'r', kind: 'removals', restoreOrder: 0, directoriesWithEa: 0 },
      { name: 's', kind: 'data', restoreOrder: 1, directoriesWithEa: 1 },
      { name: 'm', kind: 'metadata', restoreOrder: 2, directoriesWithEa: 1 },
    ]);
    expect(restore(shell, [backup, later, target])).toMatchObject(RESTORED);
    expect(describeTree(target)).toBe(describeTree(source));
  });

  it('tells attributes that could not be set, which dar reports with exit status 0', async () => {
    const { dir, source, backup, target, restore } = await site();
    mkdirSync(source);
    sh('mkdir a; printf 1 > a/f; setfattr -n trusted.t -v 1 a/f; chmod -R a+rX .', source);
    archive(backup, 's', source, ['a', 'a/f']);
    archiveMetadata(backup, 'm', source);
    finish(backup, [{ name: 's', kind: 'data', restoreOrder: 1, directoriesWithEa: 0 }, { name: 'm', kind: 'metadata', restoreOrder: 2, directoriesWithEa: 0 }]);
    sh('chmod -R a+rwX .', dir);
    const setpriv = sh('command -v setpriv', dir).trim();
    const { status, stdout, stderr } = spawnSync(setpriv, ['--reuid=65534', '--regid=65534', '--clear-groups', join(dir, 'bin', shell), join(dir, 'bw-restore.sh'), backup, target], {
      env: { PATH: join(dir, 'bin'), TMPDIR: dir },
      encoding: 'utf8',
      input: '',
    });
    expect({ status, said: stdout + stderr }).toMatchObject({ status: 5, said: expect.stringContaining('could not be restored fully') as string });
    expect(readFileSync(join(target, 'a/f'), 'utf8')).toBe('1');
    expect(restore(shell, [backup, join(dir, 'as-root')])).toMatchObject(RESTORED);
  });
});
