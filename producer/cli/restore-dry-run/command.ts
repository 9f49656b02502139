import { EXIT } from '../../../shared/errors/exit-codes.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { decide } from '../../../shared/topdir-restore/decide.js';
import { print, printJson, say } from '../print.js';
import { restoreRequest, type RestoreOptions } from '../restore-request.js';
import { openSite, type Site } from '../site.js';
import { earlierRestores } from '../topdir-restore/earlier.js';
import { topdirRequest, type TopdirRestoreOptions } from '../topdir-restore/options.js';
import { workOf, type TopdirWork } from '../topdir-restore/work.js';
import { freeBytesAt, Looker, measuredRate, type Look } from './look.js';
import { restoreDryRunOutput, type DryRun, type DryRunBasepath } from './outputs.js';
import { dryRunLines } from './show.js';

/** `bw-bkup restore BASEPATH --dry-run`: what it would fetch. Reads catalog and journal; changes nothing. */
export async function restoreDryRun(name: string, options: RestoreOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const { basepathId, backupId, paths, target } = await restoreRequest(site, name, options);
  const manifest = await site.catalog.readManifest(basepathId, backupId);
  return Looker.with(site, async (looker) => {
    const look = await looker.look(manifest, null, paths.map(fromPathJson), new AbortController().signal);
    return finish(site, looker, { target, topdir: null, asOf: null, resumes: options.resume === true }, [look], options);
  });
}

/** The same of every basepath of a topdir. */
export async function topdirDryRun(options: TopdirRestoreOptions): Promise<number> {
  const request = await topdirRequest(options);
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const work = await workOf(site, request);
  const subject = { target: request.target, topdir: request.topdir, asOf: new Date(work.atMs).toISOString(), resumes: request.resume };
  return Looker.with(site, async (looker) => finish(site, looker, subject, await lookAtAll(site, looker, work), options));
}

async function lookAtAll(site: Site, looker: Looker, work: TopdirWork): Promise<Look[]> {
  const earlier = await earlierRestores(site, work.request.target);
  const looks: Look[] = [];
  for (const { basepathId, name, backup } of work.basepaths) {
    const nothing = { basepathId, name, chain: [], lts: [], exact: true, records: 0, targetBytes: '0', missing: [] };
    if (backup === null) {
      looks.push({ row: { ...nothing, state: 'without-backup', backupId: null, capturedAt: null }, slices: [], stagingBytes: 0 });
      continue;
    }
    const decision = decide({ basepathId, backupId: backup.backupId, running: null, since: work.since, ...(await earlier(name)) });
    const manifest = await site.catalog.readManifest(basepathId, decision.backupId);
    if (decision.do === 'done') looks.push({ row: { ...nothing, state: 'skipped', backupId: decision.backupId, capturedAt: manifest.capturedAt }, slices: [], stagingBytes: 0 });
    else looks.push(await looker.look(manifest, name, [], new AbortController().signal));
    if (looks.length % SAY_EVERY === 0) say(`${looks.length} of ${work.basepaths.length} basepaths looked at`);
  }
  return looks;
}

const SAY_EVERY = 500;

async function finish(site: Site, looker: Looker, subject: Pick<DryRun, 'target' | 'topdir' | 'asOf'> & { resumes: boolean }, looks: readonly Look[], options: RestoreOptions): Promise<number> {
  const rows = looks.map(({ row }): DryRunBasepath => (subject.resumes ? { ...row, exact: row.exact && row.state !== 'to-restore' } : row));
  const lts = await looker.byLts(looks.flatMap(({ slices }) => slices));
  const targetBytes = rows.reduce((sum, row) => sum + BigInt(row.targetBytes), 0n);
  const [free, rate] = [await freeBytesAt(subject.target), await measuredRate(site)];
  const bytes = lts.reduce((sum, each) => sum + Number(each.bytes), 0);
  const { target, topdir, asOf } = subject;
  const output: DryRun = {
    v: 1,
    target,
    topdir,
    asOf,
    basepaths: rows,
    lts,
    exact: rows.every(({ exact }) => exact),
    stagingBytes: String(Math.max(0, ...looks.map(({ stagingBytes }) => stagingBytes))),
    targetBytes: targetBytes.toString(),
    targetFreeBytes: free?.toString() ?? null,
    fits: free === null || free >= targetBytes,
    estimate: rate === null ? null : { ...rate, durationMs: Math.round((bytes * 1000) / rate.bytesPerSecond) },
  };
  if (options.json === true) printJson(restoreDryRunOutput, output);
  else print(dryRunLines(output, new Set(site.config.lts.filter(({ tape }) => tape).map(({ name }) => name))).join('\n'));
  return output.fits && rows.every(({ missing }) => missing.length === 0) ? EXIT.ok : EXIT.failed;
}
