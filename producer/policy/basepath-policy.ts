import type { BasepathSchedule, TopdirConfig } from '../../shared/config/config.js';
import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';

/** The schedule of a basepath: its own, or its topdir's (pure). */
export function policyOf(topdir: Pick<TopdirConfig, 'path' | 'schedule' | 'basepaths'>, path: BytePath): BasepathSchedule {
  if (topdir.basepaths.length === 0) return topdir.schedule;
  const relative = path.slice(bytePath.fromText(topdir.path).length).replace(/^\/+/, '');
  return topdir.basepaths.find((own) => bytePath.fromText(own.path) === relative)?.schedule ?? topdir.schedule;
}
