import { mkdirSync, mkdtempSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { BwError } from '../../shared/errors/bw-error.js';
import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';

/** Where everything of one quickstart lies. */
export interface Site {
  readonly workDir: string;
  /** Directory whose sub-directories are saved. */
  readonly topdir: string;
  readonly isSample: boolean;
  readonly configFile: string;
  readonly catalogDir: string;
  /** Directory or URL. */
  readonly ltsDir: string;
  readonly restoredDir: string;
}

export interface Request {
  /** The user's own directory; null = a generated sample. */
  readonly topdir: string | null;
  /** null = a new directory below TMPDIR. */
  readonly workDir: string | null;
  /** ftp://HOST:PORT/DIR: long-term storage is there; null = a directory of the work directory. */
  readonly gridftp: string | null;
}

/** Server and directory. */
const GRIDFTP_URL = /^(ftp:\/\/[^/]+)(\/.+)$/;

/** Arguments: `[DIR] [--work DIR] [--gridftp URL]`. Throws QUICKSTART_USAGE. */
export function parseArguments(args: readonly string[]): Request {
  let request: Request = { topdir: null, workDir: null, gridftp: null };
  for (let i = 0; i < args.length; i += 1) {
    const argument = args[i] ?? '';
    if (argument === '--work') request = { ...request, workDir: args[(i += 1)] ?? usage('--work needs a directory') };
    else if (argument === '--gridftp') request = { ...request, gridftp: ftpUrl(args[(i += 1)] ?? '') };
    else if (argument.startsWith('-')) usage(`unknown option ${argument}`);
    else if (request.topdir !== null) usage('only one directory can be given');
    else request = { ...request, topdir: argument };
  }
  return request;
}

function ftpUrl(text: string): string {
  return GRIDFTP_URL.test(text) ? text : usage('--gridftp needs a URL such as ftp://127.0.0.1:2811/srv/lts');
}

function usage(message: string): never {
  throw refused('QUICKSTART_USAGE', message, 'npm run quickstart -- [DIR] [--work DIR] [--gridftp ftp://HOST:PORT/DIR]');
}

/** Makes the directories and the configuration. The sample itself is made by the caller. Throws QUICKSTART_PLACE. */
export function makeSite(request: Request): Site {
  const given = request.topdir === null ? null : realDirectory(request.topdir);
  const workDir = makeWorkDir(request.workDir, given);
  const site: Site = {
    workDir,
    topdir: given ?? join(workDir, 'sample'),
    isSample: given === null,
    configFile: join(workDir, 'bw-bkup.yaml'),
    catalogDir: join(workDir, 'catalog'),
    ltsDir: request.gridftp ?? join(workDir, 'lts'),
    restoredDir: join(workDir, 'restored'),
  };
  const own = ['staging', 'state', 'catalog', 'lts', 'restored'].map((name) => join(workDir, name));
  const lts = ltsConfig(request.gridftp, site.ltsDir);
  for (const dir of [...own, ...(site.isSample ? [site.topdir] : [])]) mkdirSync(dir, { mode: 0o700 });
  writeFileSync(site.configFile, configText(site, lts), { flag: 'wx', mode: 0o600 });
  return site;
}

function realDirectory(dir: string): string {
  const real = realpathOf(resolve(dir));
  if (real !== null && statSync(real).isDirectory()) return real;
  throw refused('QUICKSTART_PLACE', `${dir} is not a directory`, 'Give a directory whose sub-directories are to be saved.');
}

function realpathOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** A backup that lies in what it saves would save itself. */
function makeWorkDir(wanted: string | null, topdir: string | null): string {
  const parent = wanted === null ? realpathSync(tmpdir()) : resolve(wanted);
  if (wanted !== null) mkdirSync(parent, { recursive: true, mode: 0o700 });
  const real = realpathSync(parent);
  if (topdir !== null && isInside(real, topdir)) {
    throw refused('QUICKSTART_PLACE', `The work directory ${real} lies inside ${topdir}`, 'Choose another one with --work DIR (or TMPDIR).');
  }
  if (wanted === null) return mkdtempSync(join(real, 'bw-bkup-quickstart-'));
  if (readdirSync(real).length > 0) throw refused('QUICKSTART_PLACE', `The work directory ${real} is not empty`, 'Give a new or an empty one.');
  return real;
}

function isInside(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir === '/' ? '/' : `${dir}/`);
}

function ltsConfig(gridftp: string | null, dir: string): Record<string, unknown> {
  if (gridftp === null) return { backend: 'posix', dir };
  const [, url, path] = GRIDFTP_URL.exec(gridftp) ?? [];
  return { backend: 'gridftp', dir: path, gridftp: { url } };
}

/** Small slices for the sample, so that there are several; no ports, so that nothing running is in the way. */
function configText(site: Site, lts: Record<string, unknown>): string {
  const config = {
    host: 'quickstart',
    topdirs: [{ path: site.topdir }],
    staging: { dir: join(site.workDir, 'staging'), budget: site.isSample ? '256MiB' : '20%' },
    catalog: { dir: site.catalogDir },
    state: { dir: join(site.workDir, 'state') },
    lts: [{ name: 'quickstart', ...lts }],
    dar: { sliceSize: site.isSample ? '1MiB' : '256MiB' },
    limits: { allowEmpty: true },
    restore: { allowedTargets: [site.restoredDir] },
    http: { producerPort: 'none', workerPort: 'none' },
    logging: { level: 'warn' },
  };
  return `# Made by the quickstart. Without redis.url, bw-bkup starts a private Redis below state.dir.\n${stringify(config)}`;
}

export interface TopdirContent {
  readonly basepaths: readonly BytePath[];
  /** Entries beside them that are no directories, hence part of no basepath. */
  readonly others: number;
}

/** The direct sub-directories, absolute, in byte order. Throws QUICKSTART_PLACE if there is none. */
export function readTopdir(topdir: string): TopdirContent {
  const entries = readdirSync(topdir, { encoding: 'buffer', withFileTypes: true });
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => bytePath.fromBuffer(entry.name));
  const basepaths = directories.filter((name) => name !== 'lost+found').sort().map((name) => bytePath.join(bytePath.fromText(topdir), name));
  if (basepaths.length === 0) throw refused('QUICKSTART_PLACE', `${topdir} has no sub-directory`, 'Sub-directories are what is saved: give the directory above.');
  return { basepaths, others: entries.length - directories.length };
}

function refused(code: 'QUICKSTART_USAGE' | 'QUICKSTART_PLACE', message: string, hint: string): BwError {
  return new BwError(code, { message, retry: 'operator', hint });
}
