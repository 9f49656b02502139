import { checkRestoreTarget } from '../../../shared/paths/restore-target.js';
import { say } from '../print.js';
import { openSession, type StartLocal } from '../session.js';
import { openSite } from '../site.js';
import { catchStop } from '../stop-signal.js';
import { topdirRequest, type TopdirRestoreOptions } from './options.js';
import { runTopdirRestore } from './run.js';
import { workOf } from './work.js';

/** `bw-bkup restore --topdir T --to DIR [--at TIME]`: each basepath that the topdir had then, as a restore of its own below DIR; those of an earlier start are not done again. */
export async function topdirRestoreCommand(options: TopdirRestoreOptions, startLocal: StartLocal): Promise<number> {
  const request = await topdirRequest(options);
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  await checkRestoreTarget(request.target, site.config.restore.allowedTargets);
  const work = await workOf(site, request);
  const session = await openSession(site, options, startLocal);
  const stop = catchStop((signal) => { say(session.local ? `${signal}: stopping the restores.` : `${signal}: nothing more is begun; what runs goes on by itself.`); });
  try {
    return await runTopdirRestore(session, work, options, stop);
  } finally {
    await session.close(stop.signal);
  }
}
