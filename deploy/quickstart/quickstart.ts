import { formatError, toBwError } from '../../shared/errors/bw-error.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { describeStatus } from '../../shared/process/index.js';
import { formatCount, paintFor } from '../../shared/terminal/index.js';
import { listBackups, runShown } from './command-line.js';
import { allHeld, chooseToRestore, makeRows, restoreAndCompare, type Proof, type Row } from './prove.js';
import { reportText } from './report.js';
import { makeSampleTree } from './sample-tree.js';
import { makeSite, parseArguments, readTopdir, type Site, type TopdirContent } from './site.js';

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const step = (text: string): void => {
  say(`\nquickstart: ${text}`);
};

/** Saves, restores, compares. Whether all held. */
async function quickstart(args: readonly string[]): Promise<boolean> {
  const site = makeSite(parseArguments(args));
  step(`everything it writes lies in ${site.workDir}`);
  if (site.isSample) await makeSample(site);
  const content = readTopdir(site.topdir);
  tellSource(site, content);
  step(`saving ${formatCount(content.basepaths.length)} basepaths`);
  const status = await runShown(site, 'standalone', '--once');
  if (status.code !== 0) say(`bw-bkup standalone --once ended with ${describeStatus(status)}`);
  const rows = await prove(site, content);
  process.stdout.write(reportText(site, rows, paintFor(process.stdout.isTTY, process.env)));
  return status.code === 0 && allHeld(rows);
}

async function makeSample(site: Site): Promise<void> {
  step('making a sample of awkward files');
  for (const { what, why } of await makeSampleTree(site.topdir)) say(`  left out: ${what} (${why})`);
}

function tellSource(site: Site, { basepaths, others }: TopdirContent): void {
  step(`${site.topdir} holds ${formatCount(basepaths.length)} directories: each is a basepath, saved on its own`);
  for (const path of basepaths.slice(0, 10)) say(`  ${showPath(path)}`);
  if (basepaths.length > 10) say(`  and ${formatCount(basepaths.length - 10)} more`);
  if (others > 0) say(`  note: ${formatCount(others)} other entries directly in it (files, links) belong to no basepath and are not saved`);
  if (process.getuid?.() !== 0) say('  note: not run as root: files you may not read become exceptions, and owners are not restored');
}

async function prove(site: Site, content: TopdirContent): Promise<Row[]> {
  const backups = await listBackups(site);
  const proofs = new Map<string, Proof>();
  for (const backup of chooseToRestore(site, backups)) {
    step(`restoring ${showPath(backup.path)} and comparing it with its source`);
    proofs.set(backup.backupId, await restoreAndCompare(site, backup));
  }
  return makeRows(content.basepaths, backups, proofs);
}

try {
  process.exitCode = (await quickstart(process.argv.slice(2))) ? 0 : 1;
} catch (thrown) {
  process.stderr.write(`${formatError(toBwError(thrown))}\n`);
  process.exitCode = 1;
}
