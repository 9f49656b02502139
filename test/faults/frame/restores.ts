import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import type { Manifest } from '../../../shared/catalog/index.js';
import { mapLimited } from '../../../shared/catalog/map-limited.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { bytePath, showPath } from '../../../shared/paths/byte-path.js';
import { fromPathJson } from '../../../shared/paths/path-json.js';
import { restoreResultSchema } from '../../../shared/runs/restore-result.js';
import { restore } from '../../helpers/restore.js';
import type { TestSite } from '../../helpers/site.js';
import type { Expected } from './fault-test.js';

const AT_ONCE = 4;

/** Restores every sealed backup with the product; the newest of each basepath must be as its source is, which stood still since. */
export async function restoreProblems(site: TestSite, manifests: readonly Manifest[], expected: Expected): Promise<string[]> {
  const found = await mapLimited([...manifests], AT_ONCE, async (manifest) => {
    const target = join(site.dir, 'restore', ulid());
    const { state, reason, returnValue } = await restore(site, manifest, { target });
    const name = `${manifest.level} ${manifest.backupId} of ${pathOf(manifest)}`;
    if (state !== 'completed') return [`${name} cannot be restored: ${String(reason)}`];
    const problems = restoreResultSchema.parse(returnValue).problems.map((problem) => `${name}: ${JSON.stringify(problem)}`);
    await expected.restored?.(manifest, target);
    if (problems.length > 0 || !(await standsStill(manifests, manifest, expected))) return problems;
    const { differences } = await compareTrees({ left: bytePath.fromText(pathOf(manifest)), right: bytePath.fromText(target), content: expected.content ?? 'hash' });
    return differences.map((difference) => `${name} is restored with a difference: ${JSON.stringify(difference)}`);
  });
  return found.flat();
}

/** As text of people, for names that tests choose. */
export function pathOf({ source }: Manifest): string {
  return showPath(fromPathJson(source.path));
}

async function standsStill(manifests: readonly Manifest[], manifest: Manifest, { changed = [] }: Expected): Promise<boolean> {
  const path = pathOf(manifest);
  const later = manifests.some(({ basepathId, capturedAt }) => basepathId === manifest.basepathId && capturedAt > manifest.capturedAt);
  if (later || manifest.outcome !== 'clean' || changed.some((name) => path.endsWith(`/${name}`))) return false;
  return access(path).then(() => true, () => false);
}
