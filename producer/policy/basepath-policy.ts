import type { BasepathOverride, BasepathSchedule, RetentionConfig, TopdirConfig } from '../../shared/config/config.js';
import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';

/** The schedule of a basepath: its own, or its topdir's (pure). */
export function policyOf(topdir: Pick<TopdirConfig, 'path' | 'schedule' | 'basepaths'>, path: BytePath): BasepathSchedule {
  return ownOf(topdir, path)?.schedule ?? topdir.schedule;
}

/** The same of its retention. */
export function retentionOf(topdir: Pick<TopdirConfig, 'path' | 'retention' | 'basepaths'>, path: BytePath): RetentionConfig {
  return ownOf(topdir, path)?.retention ?? topdir.retention;
}

function ownOf(topdir: Pick<TopdirConfig, 'path' | 'basepaths'>, path: BytePath): BasepathOverride | undefined {
  if (topdir.basepaths.length === 0) return undefined;
  const relative = path.slice(bytePath.fromText(topdir.path).length).replace(/^\/+/, '');
  return topdir.basepaths.find((own) => bytePath.fromText(own.path) === relative);
}
