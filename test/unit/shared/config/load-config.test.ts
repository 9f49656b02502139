import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeConfig, maskSecrets } from '../../../../shared/config/describe-config.js';
import { probePath } from '../../../../shared/config/facts.js';
import { effective, loadConfig, type LoadedConfig, type LoadRequest } from '../../../../shared/config/load-config.js';
import { ConfigError } from '../../../../shared/config/problems.js';
import { parseSentinelUrl } from '../../../../shared/config/sentinel-url.js';
import { workspace } from '../../../helpers/workspace.js';

let dir: string;
let file: string;
const STORES = ['staging', 'catalog', 'state', 'lts'];

beforeEach(async () => {
  dir = await workspace();
  file = join(dir, 'bw-bkup.yaml');
  for (const name of [...STORES, 'home']) await mkdir(join(dir, name), { mode: 0o700 });
});

async function load(more = '', request: Partial<LoadRequest> = {}): Promise<LoadedConfig> {
  await writeFile(file, `topdirs: [{path: ${dir}/home}]
staging: {dir: ${dir}/staging, budget: 3GiB}
catalog: {dir: ${dir}/catalog}
state: {dir: ${dir}/state}
lts: [{name: disk, dir: ${dir}/lts}]
${more.includes('dar:') ? '' : 'dar: {sliceSize: 1GiB}\n'}${more}`);
  return loadConfig({ file, env: {}, flags: {}, hostname: 'ie01', probe: async (path, role) => ({ ...(await probePath(path, role)), filesystemBytes: 2 ** 40 }), ...request });
}

async function problems(loading: Promise<unknown>): Promise<string[]> {
  const error = await loading.then(() => null, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).problems.map(({ key, problem }) => `${key} ${problem}`.trim());
}

describe('a good configuration', () => {
  it('becomes a Config with units', async () => {
    const { config } = await load('schedule: {fullEvery: 2w}\n');
    expect(config).toMatchObject({
      host: 'ie01',
      staging: { dir: `${dir}/staging`, budgetBytes: 3 * 2 ** 30, restoreShare: 0.2, maxPauseMs: 3_600_000, group: null },
      dar: { sliceBytes: 2 ** 30, encryption: null },
      schedule: { fullEveryMs: 14 * 86_400_000 },
      redis: { url: null },
      lts: [{ name: 'disk', backend: 'posix', bandwidthBytesPerSecond: null }],
    });
    expect(effective(config, `${dir}/home`)).toBe(config.topdirs[0]);
    expect(() => effective(config, '/elsewhere')).toThrow(expect.objectContaining({ code: 'TOPDIR_UNKNOWN' }) as Error);
  });

  it('leaves nothing behind in the directories it tried', async () => {
    await load();
    for (const name of [...STORES, 'home']) expect(await readdir(join(dir, name))).toEqual([]);
  });

  it('takes a share of the real filesystem as budget', async () => {
    const { config } = await load('', { flags: { 'staging.budget': '50%' } });
    expect(config.staging.budgetBytes).toBe(2 ** 39);
  });

  it('reads a whole URL, or only its password, from private files', async () => {
    await writeFile(join(dir, 'url'), 'rediss://bw:pw@redis:6380/1\n', { mode: 0o600 });
    await writeFile(join(dir, 'pw'), 'p@ss/w:r%41d\n', { mode: 0o600 });
    expect((await load(`redis: {urlFile: ${dir}/url}\n`)).config.redis.url).toBe('rediss://bw:pw@redis:6380/1');
    const { config, sources } = await load(`redis: {url: redis://bw@redis, passwordFile: ${dir}/pw}\n`);
    const url = new URL(config.redis.url ?? '');
    expect([url.username, decodeURIComponent(url.password), url.hostname]).toEqual(['bw', 'p@ss/w:r%41d', 'redis']);
    expect(describeConfig(config, sources)).not.toContain('p@ss');
    expect(maskSecrets(config).redis.url).toBe('redis://bw:***@redis');
    const bySentinels = await load(`redis: {url: 'redis+sentinel://bw@rs1,rs2/m', passwordFile: ${dir}/pw}\n`);
    expect(parseSentinelUrl(bySentinels.config.redis.url ?? '')).toMatchObject({ user: 'bw', password: 'p@ss/w:r%41d', name: 'm' });
  });
});

describe('a bad host', () => {
  it('is told everything at once', async () => {
    await writeFile(join(dir, 'key'), '', { mode: 0o644 });
    await writeFile(join(dir, 'nodir'), '');
    await chmod(join(dir, 'key'), 0o644);
    const text = `dar: {sliceSize: 1G, encryption: {keyFile: ${dir}/key, keyId: k}}\nhttp: {tokenFile: ${dir}/token}\n`;
    const flags = { 'catalog.dir': `${dir}/nodir`, 'state.dir': `${dir}/missing`, 'logging.level': 'x' };
    expect(await problems(load(text, { flags }))).toEqual([
      'dar.sliceSize is not a size',
      'logging.level is not known',
      expect.stringContaining('staging.budget is too small') as string,
      'catalog.dir is not a directory',
      'state.dir does not exist',
      'dar.encryption.keyFile can be used by others (mode 0644)',
      'dar.encryption.keyFile is empty',
      'http.tokenFile does not exist',
    ]);
  });

  it('sees through symlinks', async () => {
    await mkdir(join(dir, 'home/hidden'));
    await symlink(join(dir, 'home/hidden'), join(dir, 'link'));
    expect(await problems(load('', { flags: { 'staging.dir': join(dir, 'link') } }))).toEqual([expect.stringContaining('staging.dir lies inside topdirs[0].path') as string]);
    // also where the last part does not exist yet
    expect(await problems(load('', { flags: { 'staging.dir': join(dir, 'link/new') } }))).toEqual([
      'staging.dir does not exist',
      expect.stringContaining('staging.dir lies inside topdirs[0].path') as string,
    ]);
  });

  it('is answered with the kernel\'s reasons', async () => {
    expect(await probePath(join(dir, 'bw-none/x'), 'write')).toMatchObject({ kind: 'missing', failure: 'ENOENT', real: join(dir, 'bw-none/x') });
    expect(await probePath('/proc/self', 'catalog')).toMatchObject({ kind: 'directory', failure: expect.stringMatching(/^E[A-Z]+$/) as string });
    expect(await probePath(join(dir, 'home'), 'secret')).toMatchObject({ failure: 'not a file' });
  });

  it('never shows what is wrong in a URL file', async () => {
    await writeFile(join(dir, 'url'), 'hunter2', { mode: 0o600 });
    const error = await load(`redis: {urlFile: ${dir}/url}\n`).then(() => null, (thrown: unknown) => thrown);
    expect(error).toMatchObject({ problems: [{ key: 'redis.urlFile', problem: 'holds something that is not a Redis URL' }] });
    expect(JSON.stringify(error)).not.toContain('hunter2');
  });

  it('is not looked at when asked not to', async () => {
    const { config } = await load('', { filesystem: 'skip', flags: { 'staging.dir': '/not/there', 'staging.budget': '80%' } });
    expect(config.staging).toEqual({ dir: '/not/there', budgetBytes: 0, restoreShare: 0.2, maxPauseMs: 3_600_000, group: null });
  });
});

describe('the file', () => {
  it('is the flag\'s, else BW_CONFIG\'s', async () => {
    await load();
    const probe: LoadRequest['probe'] = async (path, role) => ({ ...(await probePath(path, role)), filesystemBytes: 2 ** 40 });
    expect((await loadConfig({ env: { BW_CONFIG: file }, flags: {}, probe })).file).toBe(file);
    expect((await loadConfig({ file, env: { BW_CONFIG: '/nowhere' }, flags: {}, probe })).file).toBe(file);
  });

  it('that cannot be read is a problem with a remedy', async () => {
    const loading = loadConfig({ file: join(dir, 'none.yaml'), env: {}, flags: {} });
    await expect(loading).rejects.toMatchObject({ code: 'CONFIG_INVALID', retry: 'operator', problems: [{ file: join(dir, 'none.yaml'), problem: 'does not exist' }] });
  });
});

describe('the policy hash', () => {
  const hash = async (more: string, request: Partial<LoadRequest> = {}): Promise<string> => (await load(more, request)).config.policyHash;

  it('is the same on all hosts and for other spellings', async () => {
    const base = await hash('');
    expect(base).toMatch(/^[0-9a-f]{64}$/);
    const flags = { 'worker.slots': '1', 'logging.level': 'debug', 'http.workerPort': 'none', 'redis.url': 'redis://:x@h', host: 'other', 'staging.budget': '4GiB' };
    expect(await hash('', { flags })).toBe(base);
    expect(await hash('', { flags: { 'dar.sliceSize': String(2 ** 30) } })).toBe(base);
  });

  it.each([{ 'dar.sliceSize': '512MiB' }, { 'limits.maxExceptions': '7' }, { 'schedule.events.scan': '2h' }, { 'restore.allowedTargets': '/x' }, { 'shards.maxFiles': '5' }])('changes with the policy: %j', async (flags) => {
    expect(await hash('', { flags })).not.toBe(await hash(''));
  });
});

describe('describeConfig', () => {
  it('is a configuration file again, with the same meaning', async () => {
    const first = await load(`redis: {url: /run/redis.sock}\ndar: {sliceSize: 1GiB, compression: zstd:3}\nhttp: {producerPort: none}\n`, { env: { BW_DAR_RETRY_ON_CHANGE: '5' } });
    const text = describeConfig(first.config, first.sources);
    await writeFile(file, text);
    const again = await loadConfig({ file, env: {}, flags: {}, hostname: 'elsewhere', filesystem: 'skip' });
    expect(again.config).toEqual(first.config);
    expect(text).toMatch(/retryOnChange: 5 +# environment BW_DAR_RETRY_ON_CHANGE\n/);
    expect(text).toMatch(/compression: zstd:3 +# .*bw-bkup\.yaml:7\n/);
    expect(text).toMatch(/bind: 127\.0\.0\.1 +# default\n/);
  });
});
