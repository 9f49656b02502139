import { resolve } from 'node:path';
import { z } from 'zod';
import { readBasepaths } from '../../shared/basepaths/index.js';
import type { Manifest } from '../../shared/catalog/index.js';
import type { TopdirConfig } from '../../shared/config/config.js';
import { BwError, toBwError } from '../../shared/errors/bw-error.js';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { importArchive } from '../../shared/import/import-archive.js';
import { openJournal, writerName, type Journal } from '../../shared/journal/index.js';
import { relativeToTopdir } from '../../shared/paths/basepath-root.js';
import { bytePath, showPath } from '../../shared/paths/byte-path.js';
import { formatBytes } from '../../shared/terminal/index.js';
import { createBackends } from '../../shared/transfer/create-backend.js';
import { openLeases } from './import-leases.js';
import { resolveBasepath, type NamedBasepath } from './find-basepath.js';
import { plural, print, printJson, say } from './print.js';
import { instantOf } from './restore-request.js';
import { openSite, usage, type CommonOptions, type Site } from './site.js';
import { catchStop } from './stop-signal.js';

export interface ImportOptions extends CommonOptions {
  readonly archive: string;
  readonly copy?: boolean;
  readonly parent?: string;
  readonly capturedAt?: string;
}

export const importOutput = z.strictObject({
  v: z.literal(1),
  backupId: z.string(),
  basepathId: z.string(),
  level: z.enum(['full', 'differential']),
  parent: z.string().nullable(),
  capturedAt: z.iso.datetime(),
  outcome: z.enum(['clean', 'with-exceptions']),
  records: z.number().int().nonnegative(),
  slices: z.number().int().nonnegative(),
  archiveBytes: z.string().regex(/^\d+$/),
  /** Into every LTS; else the slices are where they were. */
  copied: z.boolean(),
});

/** `bw-bkup import BASEPATH --archive BASE`: an archive of another program as an unverified backup. Needs no worker, and Redis only where an LTS works with tasks. */
export async function importCommand(name: string, options: ImportOptions): Promise<number> {
  const site = await openSite(options, { directories: 'stores', component: 'cli' });
  const journal = await openJournal(site.catalog.journalDir, writerName(site.config.host, process.pid));
  const stop = catchStop((signal) => { say(`${signal}: nothing is imported.`); });
  try {
    const manifest = await importOne(site, name, options, journal, stop.signal);
    await journal.append({ kind: 'operator', act: 'import', reason: manifest.imported?.from ?? '', subject: manifest.backupId });
    tell(manifest, options);
    return manifest.outcome === 'clean' ? EXIT.ok : EXIT.exceptions;
  } catch (thrown) {
    if (stop.signal.aborted) return stop.exitCode();
    throw thrown;
  } finally {
    stop.release();
    await journal.close();
  }
}

async function importOne(site: Site, name: string, options: ImportOptions, journal: Journal, signal: AbortSignal): Promise<Manifest> {
  const basepath = await findOrAssign(site, name, journal);
  const topdir = site.config.topdirs.find(({ path }) => path === basepath.topdir);
  if (topdir === undefined) throw usage(`the topdir of ${basepath.basepathId} is not configured`, 'Configure it: its settings say how the archive is read (passphrase).');
  const parent = options.parent === undefined ? null : await site.catalog.findBackup(options.parent);
  if (parent !== null && parent.basepathId !== basepath.basepathId) throw usage(`backup ${parent.backupId} is of another basepath (${parent.basepathId})`);
  const capturedAt = options.capturedAt === undefined ? null : new Date(instantOf(options.capturedAt, '--captured-at'));
  const backends = createBackends(site.config);
  const base = resolve(options.archive).replace(/\.\d+\.dar$/, '');
  const { config, catalog } = site;
  const leases = backends.some((backend) => backend.capabilities().async) ? await openLeases(config, signal) : null;
  try {
    return await importArchive({ config, catalog, backends, sendInLease: leases?.send ?? null, basepath, topdir, base, copy: options.copy ?? false, parent, capturedAt, now: () => new Date(), signal });
  } finally {
    leases?.close();
  }
}

/** One that is gone, or was never scanned, gets its id now: archives outlive directories. */
async function findOrAssign(site: Site, name: string, journal: Journal): Promise<NamedBasepath> {
  try {
    return await resolveBasepath(site, name);
  } catch (thrown) {
    const path = bytePath.fromText(resolve(name));
    const place = toBwError(thrown).code === 'BASEPATH_UNKNOWN' ? placeOf(site.config.topdirs, path) : null;
    if (place === null) throw thrown;
    const registry = await readBasepaths(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
    const { record } = await registry.assign({ topdir: place.topdir.path, relativePath: place.relative, path, rootInode: '0', owner: 'unknown' }, journal);
    return record;
  }
}

function placeOf(topdirs: readonly TopdirConfig[], path: ReturnType<typeof bytePath.of>): { topdir: TopdirConfig; relative: ReturnType<typeof bytePath.of> } | null {
  for (const topdir of topdirs) {
    try {
      const relative = relativeToTopdir(topdir, path);
      if (relative.split('/').length === topdir.depth) return { topdir, relative };
    } catch (thrown) {
      if (!(thrown instanceof BwError)) throw thrown;
    }
  }
  return null;
}

function tell(manifest: Manifest, options: ImportOptions): void {
  const { backupId, basepathId, level, parent, capturedAt, outcome, counts, archives } = manifest;
  const slices = archives.reduce((sum, archive) => sum + archive.slices.length, 0);
  const copied = options.copy ?? false;
  if (options.json === true) {
    printJson(importOutput, { v: 1, backupId, basepathId, level: level === 'full' ? 'full' : 'differential', parent, capturedAt, outcome, records: counts.records, slices, archiveBytes: counts.archiveBytes, copied });
    return;
  }
  print(`Imported as backup ${backupId} of ${showPath(bytePath.fromText(basepathId))}, ${level}, made ${capturedAt}: ${plural(counts.records, 'entry', 'entries')}, ${plural(slices, 'slice')}, ${formatBytes(BigInt(counts.archiveBytes))}${copied ? ', copied' : ', where they were'}.`);
  print(`It is unverified: prove it with \`bw-bkup verify ${backupId} --level restore --wait\`.`);
  if (counts.exceptions > 0) print(`${plural(counts.exceptions, 'exception')}: \`bw-bkup exceptions ${backupId}\`.`);
}
