import type { z } from 'zod';
import { excludedBy } from '../../shared/index/excluded.js';
import { readStateRecords } from '../../shared/index/state.js';
import { recordPath } from '../../shared/index/record.js';
import { bytePath, type BytePath } from '../../shared/paths/byte-path.js';
import { toPathJson } from '../../shared/paths/path-json.js';
import type { NamedBasepath } from './find-basepath.js';
import type { planOutput } from './outputs.js';
import type { Site } from './site.js';

type Excluded = NonNullable<z.infer<typeof planOutput>['excluded']>;

/** Topmost paths that are named. */
const MOST_PATHS = 100;

/** What the topdir's exclude patterns take out of what the newest backup holds: neither saved again nor counted as removed. */
export async function excludedFrom(site: Site, { basepathId, topdir }: NamedBasepath): Promise<Excluded> {
  const none: Excluded = { entries: 0, bytes: '0', paths: [] };
  const patterns = site.config.topdirs.find(({ path }) => path === topdir)?.exclude ?? [];
  const newest = await site.catalog.newestSealed(basepathId, (error) => { site.logger.warn({ err: error }, 'manifest not usable'); });
  if (newest === null || patterns.length === 0) return none;
  const layers = (await site.catalog.chain(newest)).map((manifest) => ({ file: site.catalog.file(manifest, manifest.index), backupId: manifest.backupId }));
  const isExcluded = excludedBy(patterns);
  const paths: BytePath[] = [];
  let [entries, bytes] = [0, 0n];
  for await (const records of readStateRecords(layers)) {
    for (const record of records) {
      const path = recordPath(record);
      if (!isExcluded(path)) continue;
      entries += 1;
      if (record.type === 'f') bytes += BigInt(record.size);
      if (paths.length < MOST_PATHS && !isExcluded(parentOf(path))) paths.push(path);
    }
  }
  return { entries, bytes: bytes.toString(), paths: paths.map(toPathJson) };
}

/** `.` for what lies at the top. */
function parentOf(path: BytePath): BytePath {
  const cut = path.lastIndexOf('/');
  return bytePath.of(cut === -1 ? '.' : path.slice(0, cut));
}
