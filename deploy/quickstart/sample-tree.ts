import { createHash } from 'node:crypto';
import { chmodSync, closeSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { BwError } from '../../shared/errors/bw-error.js';
import { run, type Arg } from '../../shared/process/index.js';
import { at, AWKWARD_NAMES, NON_UTF8_BASEPATH } from './names.js';

const MIB = 1024 * 1024;

/** What the sample could not show here, and why. */
export interface Skipped {
  readonly what: string;
  readonly why: string;
}

/**
 * Makes three basepaths below `root` (an existing empty directory) that hold what makes backups hard: about 6 MB, 600
 * entries, the same bytes each time. What needs root, or is more than the filesystem can do, is left out and told.
 */
export async function makeSampleTree(root: string): Promise<Skipped[]> {
  const skipped: Skipped[] = [];
  const attempt = attempts(skipped);
  await makeHome(at(root, 'alice'), attempt);
  await makeOddProject(at(root, "bob's project"), attempt);
  makeManyFiles(at(root, NON_UTF8_BASEPATH));
  await setTimes(root);
  return skipped;
}

type Attempt = (what: string, act: () => Promise<void>) => Promise<void>;

function attempts(skipped: Skipped[]): Attempt {
  return async (what, act) => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BwError) || error.code !== 'PROGRAM_FAILED') throw error;
      skipped.push({ what, why: (error.detail ?? error.message).split('\n')[0] ?? '' });
    }
  };
}

async function start(program: string, ...args: readonly Arg[]): Promise<void> {
  await run({ program, args });
}

/** A home directory: bigger files, links of both kinds, holes, special files, depth. */
async function makeHome(home: Buffer, attempt: Attempt): Promise<void> {
  makeDirs(home, 'data', 'thesis/figures', 'archive/2009', 'empty/also empty', '.config');
  writeFileSync(at(home, 'data/measurements.bin'), noise('measurements', 3 * MIB));
  writeFileSync(at(home, 'data/more.bin'), noise('more', 2 * MIB + 12_345));
  writeFileSync(at(home, 'data/compressible.log'), 'the same line again\n'.repeat(40_000));
  writeFileSync(at(home, 'empty file'), '');
  for (let chapter = 1; chapter <= 40; chapter += 1) writeFileSync(at(home, `thesis/chapter-${chapter}.tex`), `\\section{${chapter}}\n`.repeat(chapter * 10));
  linkSync(at(home, 'data/more.bin'), at(home, 'thesis/figures/hard link to more.bin'));
  linkSync(at(home, 'data/more.bin'), at(home, 'archive/2009/and another'));
  symlinkSync('../data/measurements.bin', at(home, 'thesis/relative link'));
  symlinkSync('/nonexistent/target', at(home, 'dangling link'));
  symlinkSync('/etc', at(home, 'absolute link'));
  symlinkSync('../'.repeat(300), at(home, 'link with a long target'));
  makeSparse(at(home, 'data/disk.img'));
  makeDeep(home);
  await makeSpecialFiles(home, attempt);
}

function makeDirs(base: Buffer, ...dirs: readonly string[]): void {
  for (const dir of dirs) mkdirSync(at(base, dir), { recursive: true });
}

/** 48 MiB long, two blocks on disk. */
function makeSparse(file: Buffer): void {
  const fd = openSync(file, 'w');
  writeSync(fd, 'first block', 0);
  writeSync(fd, 'behind the hole', 48 * MIB);
  closeSync(fd);
}

function makeDeep(home: Buffer): void {
  const deep = at(home, 'deep', ...Array.from({ length: 50 }, (_, i) => `level ${i + 1}`));
  mkdirSync(deep, { recursive: true });
  writeFileSync(at(deep, 'bottom'), 'found\n');
}

async function makeSpecialFiles(home: Buffer, attempt: Attempt): Promise<void> {
  await start('mkfifo', '--', at(home, 'fifo'));
  await makeSocket(home);
  chmodSync(at(home, 'archive'), 0o1777);
  writeFileSync(at(home, 'setuid program'), '#!/bin/sh\n');
  chmodSync(at(home, 'setuid program'), 0o6755);
  await attempt('character device', () => start('mknod', '--', at(home, 'null device'), 'c', '1', '3'));
  await attempt('file of another owner', async () => {
    writeFileSync(at(home, 'of another owner'), 'hers\n');
    await start('chown', '--', '12345:23456', at(home, 'of another owner'));
  });
}

/** Node removes a socket's name when its server closes: the second name stays. */
async function makeSocket(home: Buffer): Promise<void> {
  const directory = openSync(home, 'r');
  const short = `/proc/self/fd/${directory}`; // socket paths end at 107 bytes
  const server = createServer().listen(`${short}/socket~`);
  await once(server, 'listening');
  linkSync(`${short}/socket~`, at(home, 'socket'));
  server.close();
  await once(server, 'close');
  closeSync(directory);
}

/** Every awkward name as a file, some as directories, and extended permissions. */
async function makeOddProject(project: Buffer, attempt: Attempt): Promise<void> {
  makeDirs(project, 'names', 'directories', 'shared by acl', 'attributes');
  for (const [i, name] of AWKWARD_NAMES.entries()) {
    writeFileSync(at(project, 'names', name), `file ${i}\n`);
    mkdirSync(at(project, 'directories', name));
    writeFileSync(at(project, 'directories', name, AWKWARD_NAMES[AWKWARD_NAMES.length - 1 - i] ?? name), `inside ${i}\n`);
  }
  await makeAcls(at(project, 'shared by acl'), attempt);
  await makeXattrs(at(project, 'attributes'), attempt);
}

/** The trap is `without acl`: restored into a directory with a default ACL, it must not inherit that. */
async function makeAcls(dir: Buffer, attempt: Attempt): Promise<void> {
  for (const name of ['with acl', 'without acl']) writeFileSync(at(dir, name), name);
  chmodSync(at(dir, 'without acl'), 0o664);
  await attempt('access control lists', async () => {
    await start('setfacl', '-m', 'u:12:rw,g:13:r', '--', at(dir, 'with acl'));
    await start('setfacl', '-m', 'u:12:rwx,d:u:12:rwx,d:g:13:rx', '--', dir);
  });
  writeFileSync(at(dir, 'inherited its acl'), 'inherited');
}

async function makeXattrs(dir: Buffer, attempt: Attempt): Promise<void> {
  for (const name of ['several', 'binary', 'trusted']) writeFileSync(at(dir, name), name);
  await attempt('extended attributes', async () => {
    await start('setfattr', '-n', 'user.project', '-v', 'climate', '--', at(dir, 'several'));
    await start('setfattr', '-n', 'user.comment', '-v', 'two words', '--', at(dir, 'several'));
    await start('setfattr', '-n', 'user.binary', '-v', '0x000aff0d', '--', at(dir, 'binary'));
    await start('setfattr', '-n', 'user.of a directory', '-v', '1', '--', dir);
  });
  await attempt('trusted attributes', () => start('setfattr', '-n', 'trusted.sample', '-v', '1', '--', at(dir, 'trusted')));
}

function makeManyFiles(project: Buffer): void {
  for (let series = 0; series < 10; series += 1) {
    makeDirs(project, `series-${series}/logs`);
    for (let step = 0; step < 30; step += 1) {
      writeFileSync(at(project, `series-${series}/step-${step}.dat`), noise(`${series}.${step}`, (series * 30 + step) * 17));
    }
  }
}

/** Old, with nanoseconds, and beyond 2038; directories last, since making files in them set theirs. */
async function setTimes(root: string): Promise<void> {
  const setTo = (time: string, ...paths: readonly Buffer[]): Promise<void> => start('touch', '-h', '-m', '-d', `@${time}`, '--', ...paths);
  const home = at(root, 'alice');
  await setTo('86400.000000001', at(home, 'archive/2009'), at(home, 'dangling link'));
  await setTo('1234567890.123456789', at(home, 'data/compressible.log'), at(home, 'archive'), at(home, 'fifo'), at(home, 'socket'));
  await setTo('4102444800.999999999', at(home, 'empty file'));
  await setTo('946684799.500000000', home, at(root, "bob's project"), at(root, NON_UTF8_BASEPATH));
}

/** Bytes that do not compress and are the same each time: SHA-512 of a counter. */
function noise(seed: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 64 < length; i += 1) blocks.push(createHash('sha512').update(`${seed}:${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}
