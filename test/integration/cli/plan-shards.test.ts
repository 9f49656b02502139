import { readdirSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { planShardsCommand, shardsOutput } from '../../../producer/cli/plan-shards-command.js';
import { openSite } from '../../../producer/cli/site.js';
import { workspace } from '../../helpers/workspace.js';
import { cliSite } from './cli-site.js';

it('prints the shards of a directory that no scan has seen yet, and leaves nothing behind', async () => {
  const own = await cliSite({ shards: { maxFiles: 4 }, dar: { sliceSize: '4KiB' } });
  await own.write({ 'new/a/1': '1', 'new/a/2': '22', 'new/b/3': Buffer.alloc(9000), 'new/b/4': '', 'new/c/5': '' });
  const temporary = await workspace();
  vi.stubEnv('TMPDIR', temporary);
  let printed = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => { printed += String(text); return true; });
  const site = await openSite({ config: own.configFile }, { directories: 'skip', component: 'cli' });
  const code = await planShardsCommand(site, own.at('top/new'), { config: own.configFile, json: true }).finally(() => { write.mockRestore(); vi.unstubAllEnvs(); });
  expect(code).toBe(0);
  const { shards, ...plan } = shardsOutput.parse(JSON.parse(printed));
  expect(plan).toMatchObject({ basepathId: null, records: 9, directories: 4, sourceBytes: '9003', limits: { files: 4, bytes: 16 * 2 ** 30, sliceBytes: 4096 } });
  expect(shards).toMatchObject([
    { number: 1, kind: 'plain', files: 2, directories: 1, bytes: '3', slices: 1, first: 'a', last: 'a/2' },
    { number: 2, kind: 'plain', files: 2, directories: 1, bytes: '9000', slices: 3, first: 'b', last: 'b/4' },
    { number: 3, kind: 'plain', files: 1, directories: 1, bytes: '0', slices: 1, first: 'c', last: 'c/5' },
  ]);
  expect(readdirSync(temporary)).toEqual([]);
  await expect(planShardsCommand(site, own.at('top'), {})).rejects.toMatchObject({ code: 'BASEPATH_UNKNOWN' });
  await expect(planShardsCommand(site, undefined, {})).rejects.toMatchObject({ code: 'USAGE' });
});
