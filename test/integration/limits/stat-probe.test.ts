import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { samplePaths, statProbe } from '../../../worker/politeness/stat-probe.js';
import { workspace } from '../../helpers/workspace.js';

const TIMEOUT_MS = 10_000;
/** What does not answer takes the timeout; starting stat may take seconds on a busy machine. */
const ANSWERED_MS = 9_000;

it('asks about what a directory holds, whatever its names are, and about itself when it holds nothing', async () => {
  const dir = await workspace();
  const root = bytePath.fromText(dir);
  expect(await samplePaths(root)).toEqual([root]);
  await mkdir(join(dir, 'sub'));
  await writeFile(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0x0a])]), '');
  const paths = await samplePaths(root);
  expect([...paths].sort()).toEqual([bytePath.of(`${root}/sub`), bytePath.of(`${root}/\xff\n`)]);
  for (const turn of [0, 1]) {
    const ms = await statProbe(paths, turn, TIMEOUT_MS);
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThan(ANSWERED_MS);
  }
  expect(await statProbe([bytePath.of(`${root}/gone`)], 0, TIMEOUT_MS)).toBeLessThan(ANSWERED_MS);
  expect(await samplePaths(bytePath.of(`${root}/gone`))).toEqual([bytePath.of(`${root}/gone`)]);
});
