import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testSite } from '../../helpers/site.js';

it('a worker that starts removes what a killed program left of trying to write in its directories', async () => {
  const site = await testSite();
  const dirs = [join(site.dir, 'staging-second'), site.config.catalog.dir, join(site.dir, 'lts')];
  const past = new Date(Date.now() - 3_700_000);
  for (const dir of dirs) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeFile(join(dir, '.bw-check-1-aa'), '');
    await utimes(join(dir, '.bw-check-1-aa'), past, past);
  }
  await site.addWorker('second');
  for (const dir of dirs) expect(await readdir(dir), dir).not.toContain('.bw-check-1-aa');
});
