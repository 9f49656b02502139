import { describe, expect, it } from 'vitest';
import type { PathFact } from '../../../../shared/config/facts.js';
import { judge } from '../../../../shared/config/load-config.js';
import { placesOf } from '../../../../shared/config/places.js';
import { parse, SITE } from './site-yaml.js';

const TIB = 2 ** 40;
const directory = (real: string, more: Partial<PathFact> = {}): PathFact => ({ real, kind: 'directory', mode: 0o700, failure: null, filesystemBytes: TIB, secret: null, ...more });
const secret = (real: string, more: Partial<PathFact> = {}): PathFact => directory(real, { kind: 'file', mode: 0o600, secret: 's3cret', ...more });

/** Findings as `KEY PROBLEM`, for a site and what differs on this host. */
function findings(text: string, differs: Record<string, Partial<PathFact>> = {}, look = true): string[] {
  const { settings, problems } = parse(text);
  expect(problems).toEqual([]);
  const places = placesOf(settings);
  const directories = [...places.topdirs, ...places.snapshots, ...places.stores].map(({ path }) => [path, directory(path, differs[path])] as const);
  const secrets = places.secrets.map(({ path }) => [path, secret(path, differs[path])] as const);
  return judge(settings, places, look ? new Map([...directories, ...secrets]) : new Map()).map(({ key, problem }) => `${key} ${problem}`);
}

const topdirs = (...paths: string[]): string => SITE.replace('  - path: /u/staff\n', paths.map((path) => `  - path: ${path}\n`).join(''));

it('has nothing to say about a good site', () => {
  expect(findings(SITE)).toEqual([]);
  expect(findings(SITE, {}, false)).toEqual([]);
});

describe('directories', () => {
  it.each<[string, Partial<PathFact>, string[]]>([
    ['/u/staff', { kind: 'missing', failure: 'ENOENT' }, ['topdirs[0].path does not exist']],
    ['/u/staff', { failure: 'EACCES' }, ['topdirs[0].path cannot be read (EACCES)']],
    ['/u/staff', { kind: 'file', failure: 'not a directory' }, ['topdirs[0].path is not a directory']],
    ['/u/staff', { mode: 0o777 }, []],
    ['/local/staging', { kind: 'missing', failure: 'ENOENT' }, ['staging.dir does not exist']],
    ['/local/staging', { failure: 'EROFS' }, ['staging.dir cannot be written (EROFS)']],
    ['/local/staging', { mode: 0o1777 }, ['staging.dir can be written by everybody']],
    ['/local/staging', { mode: 0o770 }, []],
    ['/shared/catalog', { failure: 'EPERM' }, ['catalog.dir cannot be written (EPERM)']],
    ['/nearline/backups', { kind: 'unreachable', failure: 'ESTALE' }, ['lts[0].dir cannot be reached (ESTALE)']],
    ['/var/lib/bw-bkup', { kind: 'missing', failure: 'ENOENT' }, ['state.dir does not exist']],
  ])('%s %j', (path, differs, expected) => {
    expect(findings(SITE, { [path]: differs })).toEqual(expected);
  });

  it('tells how to make a missing store, but never a missing topdir', () => {
    const { settings } = parse(SITE);
    const places = placesOf(settings);
    const missing = new Map([...places.topdirs, ...places.stores].map(({ path }) => [path, directory(path, { kind: 'missing', failure: 'ENOENT' })]));
    const remedies = judge(settings, places, missing).map(({ key, remedy }) => `${key}: ${remedy}`);
    expect(remedies).toContain('staging.dir: Mount its filesystem, or: mkdir -m 700 /local/staging');
    expect(remedies).toContain('topdirs[0].path: Mount it or correct the path.');
  });

  it('lets a hook make the snapshot', () => {
    const snapshot = SITE.replace('  - path: /u/staff\n', '  - {path: /u/staff, readFrom: /snap}\n');
    const hooked = SITE.replace('  - path: /u/staff\n', '  - {path: /u/staff, readFrom: /snap, hooks: {before: [/bin/snap]}}\n');
    const gone = { '/snap': { kind: 'missing', failure: 'ENOENT' } as const };
    expect(findings(snapshot, gone)).toEqual(['topdirs[0].readFrom does not exist']);
    expect(findings(hooked, gone)).toEqual([]);
  });
});

describe('overlaps', () => {
  it.each<[string, string, Record<string, string>, string[]]>([
    ['the same topdir', topdirs('/u', '/u/'), {}, ['topdirs[1].path is the same directory as topdirs[0].path "/u"']],
    ['a nested topdir', topdirs('/u/staff/a', '/u/staff'), {}, ['topdirs[0].path lies inside topdirs[1].path "/u/staff" and would be saved twice']],
    ['a topdir by symlink', topdirs('/u/staff', '/home'), { '/home': '/u/staff/home' }, ['topdirs[1].path lies inside topdirs[0].path "/u/staff" and would be saved twice']],
    ['a name that only begins alike', topdirs('/u/staff', '/u/staff2'), {}, []],
    ['staging in a topdir', topdirs('/local'), {}, ['staging.dir lies inside topdirs[0].path "/local": backups would be backed up']],
    ['LTS in a topdir by symlink', SITE, { '/nearline/backups': '/u/staff/x' }, ['lts[0].dir lies inside topdirs[0].path "/u/staff": backups would be backed up']],
    ['the root as topdir', topdirs('/'), {}, ['staging.dir', 'catalog.dir', 'state.dir', 'lts[0].dir'].map((key) => `${key} lies inside topdirs[0].path "/": backups would be backed up`)],
    ['a topdir in staging', topdirs('/local/staging/x'), {}, ['topdirs[0].path lies inside staging.dir "/local/staging", which bw-bkup cleans up']],
    ['staging in the snapshot', SITE.replace('/u/staff\n', '/u/staff\n    readFrom: /local\n'), {}, ['staging.dir lies inside topdirs[0].readFrom "/local": backups would be backed up']],
    ['LTS is staging', SITE.replace('/nearline/backups', '/local/staging'), {}, ['lts[0].dir is the same directory as staging.dir']],
    ['LTS is staging by symlink', SITE, { '/nearline/backups': '/local/staging' }, ['lts[0].dir is the same directory as staging.dir']],
    ['catalog in LTS', SITE.replace('/shared/catalog', '/nearline/backups/c'), {}, ['catalog.dir lies inside lts[0].dir "/nearline/backups"']],
    ['staging below state', SITE.replace('/local/staging', '/var/lib/bw-bkup/staging'), {}, []],
    ['state below staging', `${SITE}state: {dir: /local/staging/s}\n`, {}, ['state.dir lies inside staging.dir "/local/staging"']],
    ['a restore target in LTS', `${SITE}restore: {allowedTargets: [/nearline/backups/r, /nearline]}\n`, {}, ['restore.allowedTargets lies inside lts[0].dir "/nearline/backups"']],
  ])('%s', (_name, text, links, expected) => {
    const real = Object.fromEntries(Object.entries(links).map(([path, target]) => [path, { real: target }]));
    expect(findings(text, real)).toEqual(expected);
    if (Object.keys(links).length === 0) expect(findings(text, {}, false)).toEqual(expected);
  });
});

describe('staging budget', () => {
  // 2 slots x (32 GiB slice + 300,000 files x 100 bytes of catalogue), and 20% for restores
  const need = Math.ceil((2 * (32 * 2 ** 30 + 300_000 * 100)) / 0.8);
  const withBudget = (budget: string | number, more = ''): string => SITE.replace('500GiB', String(budget)) + more;

  it.each<[string, string, number, string[]]>([
    ['exactly enough', withBudget(need), TIB, []],
    ['a byte too small', withBudget(need - 1), TIB, ['staging.budget is too small: 2 slots need 80.1GiB (a slice and a catalogue each, and staging.restoreShare)']],
    ['enough for fewer slots', withBudget(need - 1, 'worker: {slots: 1}\n'), TIB, []],
    ['as large as the filesystem', withBudget(TIB), TIB, []],
    ['larger than the filesystem', withBudget(TIB + 1), TIB, ['staging.budget is larger than its filesystem (1TiB)']],
    ['a share that is enough', withBudget('10%'), TIB, []],
    ['a share that is too small', withBudget('5%'), TIB, ['staging.budget is too small: 2 slots need 80.1GiB (a slice and a catalogue each, and staging.restoreShare)']],
  ])('%s', (_name, text, filesystemBytes, expected) => {
    expect(findings(text, { '/local/staging': { filesystemBytes } })).toEqual(expected);
  });

  it('counts the slices topdirs really make, not the site default none of them uses', () => {
    const large = SITE.replace('/u/staff\n', '/u/staff\n    dar: {sliceSize: 300GiB}\n');
    const small = SITE.replace('/u/staff\n', '/u/staff\n    dar: {sliceSize: 1GiB}\n');
    expect(findings(large)).toEqual(['staging.budget is too small: 2 slots need 750.1GiB (a slice and a catalogue each, and staging.restoreShare)']);
    expect(findings(small.replace('500GiB', '3GiB'))).toEqual([]);
  });
});

describe('secrets', () => {
  const encrypted = `${SITE}dar: {encryption: {keyFile: /etc/key, keyId: k1}}\n`;

  it.each<[string, Partial<PathFact>, string[]]>([
    ['a private file', {}, []],
    ['read-only', { mode: 0o400 }, []],
    ['missing', { kind: 'missing', failure: 'ENOENT' }, ['dar.encryption.keyFile does not exist']],
    ['readable by the group', { mode: 0o640 }, ['dar.encryption.keyFile can be used by others (mode 0640)']],
    ['empty', { secret: '' }, ['dar.encryption.keyFile is empty']],
    ['empty and open', { secret: '', mode: 0o644 }, ['dar.encryption.keyFile can be used by others (mode 0644)', 'dar.encryption.keyFile is empty']],
    ['a directory', { kind: 'directory', failure: 'not a file' }, ['dar.encryption.keyFile is not a file']],
    ['unreadable', { failure: 'EACCES', secret: null }, ['dar.encryption.keyFile cannot be read (EACCES)']],
  ])('%s', (_name, differs, expected) => {
    expect(findings(encrypted, { '/etc/key': differs })).toEqual(expected);
  });

  it('names a mistake that topdirs inherit once', () => {
    expect(findings(`${topdirs('/a', '/b')}dar: {encryption: {keyFile: /etc/key}}\n`)).toEqual(['dar.encryption.keyId is missing beside keyFile']);
  });

  it('looks at the key a topdir has of its own', () => {
    const text = encrypted.replace('/u/staff\n', '/u/staff\n    dar: {encryption: {keyFile: /etc/other}}\n');
    expect(findings(text, { '/etc/other': { mode: 0o604 } })).toEqual(['topdirs[0].dar.encryption.keyFile can be used by others (mode 0604)']);
  });
});

describe('across keys', () => {
  const state = (bytes: number): string => `/${'s'.repeat(bytes - 1 - '/redis.sock'.length)}`;

  it.each<[string, string, string[]]>([
    ['the longest socket path', `state: {dir: ${state(100)}}`, []],
    ['a socket path too long', `state: {dir: ${state(101)}}`, ['state.dir makes the socket path 101 bytes long']],
    ['no socket with a Redis of the site', `state: {dir: ${state(101)}}\nredis: {url: redis://h}`, []],
    ['both ports the same', 'http: {producerPort: 9000, workerPort: 9000}', ['http.workerPort is the port of the producer too']],
    ['any free port twice', 'http: {producerPort: 0, workerPort: 0}', []],
    ['URL and URL file', 'redis: {url: redis://h, urlFile: /etc/url}', ['redis.urlFile is given beside redis.url']],
    ['password without URL', 'redis: {passwordFile: /etc/pw}', ['redis.passwordFile is given without a redis:// address in redis.url']],
    ['scans rarer than fulls', 'schedule: {fullEvery: 1h, events: {scan: 2h}}', ['schedule.events.scan is longer than schedule.fullEvery, so that fulls come late']],
    ['past due before the next backup is due', 'schedule: {incrementalEvery: 1w}', ['schedule.pastDue is not longer than the time between two backups, so that basepaths would be past due all the time']],
    ['past due of fulls only', 'schedule: {incrementalEvery: none, pastDue: 40d}', []],
  ])('%s', (_name, lines, expected) => {
    expect(findings(`${SITE}${lines}\n`).filter((line) => !line.startsWith('redis.urlFile holds'))).toEqual(expected);
  });
});

describe('copies', () => {
  const two = SITE.replace(/(lts:\n(?: {2}.*\n)+)/, '$1  - {name: site2, dir: /remote/backups}\n');
  it.each<[string, string]>([
    ['one of two is enough', 'copies: {toSeal: 1}\n'],
    ['both', 'copies: {toSeal: 2}\n'],
    ['as many as there are', 'copies: {toSeal: none}\n'],
  ])('%s', (_, more) => {
    expect(findings(`${two}${more}`)).toEqual([]);
  });

  it('a topdir that goes to one LTS cannot wait for the two the site asks for', () => {
    const one = two.replace('  - path: /u/staff\n', '  - {path: /u/staff, lts: [site2]}\n');
    expect(findings(`${one}copies: {toSeal: 2}\n`)).toEqual(['copies.toSeal is more than the 1 LTS that topdirs[0] goes to']);
    expect(findings(one)).toEqual([]);
  });
});
