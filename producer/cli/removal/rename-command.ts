import { readBasepaths, type BasepathRecord, type BasepathRegistry } from '../../../shared/basepaths/index.js';
import { BwError } from '../../../shared/errors/bw-error.js';
import { EXIT } from '../../../shared/errors/exit-codes.js';
import { showPath } from '../../../shared/paths/byte-path.js';
import { toPathJson } from '../../../shared/paths/path-json.js';
import { resolveBasepath, unknownBasepath } from '../find-basepath.js';
import { print, printJson } from '../print.js';
import { openSite, type CommonOptions, type Site } from '../site.js';
import { byOperator, withJournal } from './operator.js';
import { renameOutput } from './outputs.js';

export interface RenameOptions extends CommonOptions {
  readonly force?: boolean;
}

/** `bw-bkup basepath rename OLD NEW`: the id, and with it the chain, goes with the directory. Throws BASEPATH_UNKNOWN, RENAME_*. */
export async function renameCommand(oldName: string, newName: string, options: RenameOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const registry = await readBasepaths(site.catalog.journalDir, (problem) => { site.logger.warn({ problem }, 'journal line not usable'); });
  const [old, found] = [await recordOf(site, registry, oldName), await recordOf(site, registry, newName)];
  check(old, found, options.force === true);
  await withJournal(site, (journal) => registry.rename(old, found, new Date(), journal, byOperator()));
  const output = { v: 1 as const, basepathId: old.basepathId, from: toPathJson(old.path), path: toPathJson(found.path), retiredId: found.basepathId };
  if (options.json === true) printJson(renameOutput, output);
  else print(`${old.basepathId} is ${showPath(found.path)} now, with all its backups. The id ${found.basepathId} is retired.`);
  return EXIT.ok;
}

async function recordOf(site: Site, registry: BasepathRegistry, name: string): Promise<BasepathRecord> {
  const { basepathId } = await resolveBasepath(site, name);
  const record = registry.byId(basepathId);
  if (record === undefined) throw unknownBasepath(name, 'The journal does not know it (any more): only its backups do.');
  return record;
}

function check(old: BasepathRecord, found: BasepathRecord, force: boolean): void {
  if (old.basepathId === found.basepathId) throw refused('both names mean the same basepath', old);
  if (old.deletedAt === null) throw refused('it is still there: no scan has found it gone', old);
  if (found.deletedAt !== null) throw refused('the new directory is gone', found);
  const same = old.rootInode === found.rootInode && old.owner === found.owner && old.filesystem === found.filesystem;
  if (!same && !force) throw mismatch(old, found);
}

function refused(message: string, { path }: BasepathRecord): BwError {
  return new BwError('RENAME_REFUSED', {
    message,
    subject: showPath(path),
    retry: 'permanent',
    hint: '`bw-bkup status` shows what is gone, and what looks like it. A producer finds renamed directories at its next scan.',
  });
}

function mismatch(old: BasepathRecord, found: BasepathRecord): BwError {
  const shown = ({ rootInode, owner, filesystem, path }: BasepathRecord): string => `${showPath(path)}: inode ${rootInode} of user ${owner} on ${filesystem ?? 'an unknown filesystem'}`;
  return new BwError('RENAME_MISMATCH', {
    message: 'the new directory is not the old one under another name',
    subject: showPath(found.path),
    detail: `${shown(old)}\n${shown(found)}`,
    retry: 'permanent',
    hint: 'If it holds the same data all the same (copied, restored): --force, and its next backup with --accept-source.',
  });
}
