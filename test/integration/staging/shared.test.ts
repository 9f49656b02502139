import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { run } from '../../../shared/process/index.js';
import { needsRoot } from '../../helpers/needs.js';
import { testSite } from '../../helpers/site.js';
import { Staging } from '../../../worker/staging/staging.js';
import type { StagingAccount } from '../../../worker/staging/account.js';
import { workspace } from '../../helpers/workspace.js';

const GROUP = 64_242;
const [MAPPED, STRANGER] = [['--reuid', '64001', '--regid', String(GROUP)], ['--reuid', '64002', '--regid', '64002']];

beforeEach(needsRoot);

/** Whether a user may run this. */
async function may(user: readonly string[], program: string, ...args: string[]): Promise<boolean> {
  const done = await run({ program: 'setpriv', args: [...user, '--clear-groups', '--', program, ...args] }, { okCodes: [0, 1, 2] });
  return done.status.code === 0;
}

async function modeOf(path: string): Promise<string> {
  const { mode, gid } = await stat(path);
  return `${(mode & 0o7777).toString(8)} ${gid === GROUP ? 'group' : 'ours'}`;
}

it('the user a transfer service maps us to reads slices and puts fetched ones, and may nothing else', async () => {
  const dir = await workspace();
  await chmod(dir, 0o755);
  await mkdir(join(dir, 'staging'), { mode: 0o711 });
  const staging = new Staging(join(dir, 'staging'), 'here', null as unknown as StagingAccount, GROUP);
  const start = await staging.createStart('b1', 's1');
  const [slice, secret] = [join(start, 'data.1.dar'), join(start, 'dar.conf')];
  for (const file of [slice, secret]) await writeFile(file, 'x', { mode: 0o600 });
  await staging.shareFiles([slice]);
  const back = await staging.createStart('r1', 'a1', 'putting');
  await writeFile(join(back, 'wanted.list'), 'x', { mode: 0o600 });
  expect(await Promise.all([staging.root, staging.backupDir('b1'), start, slice, secret, back].map(modeOf))).toEqual([
    '710 group', '710 group', '710 group', '640 group', '600 ours', '3770 group',
  ]);
  expect(await Promise.all([
    may(MAPPED, 'cat', slice), may(MAPPED, 'touch', join(back, 'data.1.dar')),
    may(MAPPED, 'cat', secret), may(MAPPED, 'ls', start), may(MAPPED, 'touch', join(start, 'new')), may(MAPPED, 'rm', '-f', slice), may(MAPPED, 'rm', '-f', join(back, 'wanted.list')),
    may(STRANGER, 'cat', slice), may(STRANGER, 'touch', join(back, 'other')),
  ])).toEqual([true, true, false, false, false, false, false, false, false]);
  expect((await readdir(back)).sort()).toEqual(['data.1.dar', 'wanted.list']);
  expect(await modeOf(join(back, 'data.1.dar'))).toMatch(/ group$/);
});

it('nobody else without a group, whatever it was before', async () => {
  const site = await testSite({ noWorker: true });
  const start = await site.worker.context.staging.createStart('b1', 's1', 'putting');
  const slice = join(start, 'data.1.dar');
  await writeFile(slice, 'x', { mode: 0o600 });
  await site.worker.context.staging.shareFiles([slice]);
  expect(await Promise.all([site.config.staging.dir, start, slice].map(modeOf))).toEqual(['700 ours', '700 ours', '600 ours']);
});

it('a worker opens its staging to the group, and no wider', async () => {
  const site = await testSite({ noWorker: true, prepare: async (dir) => {
    await chmod(join(dir, 'staging'), 0o755);
    return { staging: { dir: join(dir, 'staging'), budget: '2GiB', group: GROUP } };
  } });
  expect(await modeOf(site.config.staging.dir)).toBe('710 group');
});
