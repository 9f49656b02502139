import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument, visit } from 'yaml';
import { probePath, type Probe } from '../../../shared/config/facts.js';
import { judge, loadConfig, type LoadedConfig } from '../../../shared/config/load-config.js';
import { parseSettings, type Parsed } from '../../../shared/config/parse-settings.js';
import { formats } from '../../../shared/config/formats.js';
import { placesOf } from '../../../shared/config/places.js';
import { workspace } from '../../helpers/workspace.js';
import { keyTable } from './key-table.js';

const DIR = new URL('../../../deploy/config/', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, DIR), 'utf8');
const yamlIn = async (folder: string): Promise<string[]> => (await readdir(new URL(folder, DIR))).filter((name) => name.endsWith('.yaml')).sort();

/** Examples name directories of a site; here they lie below a directory of the test, on a filesystem of 10 TiB. */
async function loadBelow(root: string, text: string, hostname: string): Promise<LoadedConfig> {
  const document = parseDocument(text);
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && node.value.startsWith('/')) node.value = root + node.value;
    },
  });
  const file = join(root, 'site.yaml');
  await writeFile(file, document.toString());
  const flags: Record<string, string> = text.includes('\nstate:') ? {} : { 'state.dir': `${root}/state` };
  await makePlaces(parseSettings({ text: document.toString(), file, env: {}, flags, hostname }));
  const probe: Probe = async (path, role) => ({ ...(await probePath(path, role)), filesystemBytes: 10 * 2 ** 40 });
  return loadConfig({ file, env: {}, flags, hostname, probe });
}

async function makePlaces({ settings }: Parsed): Promise<void> {
  const { topdirs, stores, secrets } = placesOf(settings);
  for (const { path } of [...topdirs, ...stores]) await mkdir(path, { recursive: true, mode: 0o700 });
  for (const { key, path } of secrets) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, key === 'redis.urlFile' ? 'rediss://bw:pw@redis.example.org:6379/0\n' : 'secret\n', { mode: 0o600 });
  }
}

describe('the examples', () => {
  it('are the ones the README names', async () => {
    const names = await yamlIn('.');
    expect(names).toEqual(['minimal.yaml', 'site.yaml', 'transfers.yaml', 'workstation.yaml']);
    const readme = await read('README.md');
    for (const name of names) expect(readme).toContain(`\`${name}\``);
  });

  it('minimal.yaml loads, with defaults', async () => {
    const root = await workspace();
    const { config } = await loadBelow(root, await read('minimal.yaml'), 'box');
    expect(config).toMatchObject({ topdirs: [{ path: `${root}/home`, depth: 1 }], redis: { url: null }, staging: { budgetBytes: 8 * 2 ** 40 } });
  });

  it('workstation.yaml loads, with an embedded Redis and no HTTP', async () => {
    const root = await workspace();
    const { config } = await loadBelow(root, await read('workstation.yaml'), 'box');
    expect(config).toMatchObject({ redis: { url: null }, http: { producerPort: null, workerPort: null }, worker: { slots: 1 }, lts: [{ bandwidthBytesPerSecond: 80_000_000 }] });
  });

  it('transfers.yaml loads, with an LTS of every backend, copies and bundles', async () => {
    const root = await workspace();
    const { config } = await loadBelow(root, await read('transfers.yaml'), 'ie07');
    expect(config.lts).toMatchObject([
      { name: 'second-site', backend: 'posix', bundle: null },
      { name: 'tape', backend: 'globus', tape: true, bundle: { minBytes: 10_000_000_000, maxWaitMs: 3_600_000 }, globus: { maxTasks: 3, sources: [{ host: null }, { host: 'ie07', dir: config.staging.dir }] } },
      { name: 'archive', backend: 'gridftp', gridftp: { server: { scheme: 'gsiftp', host: 'gridftp.example.org', port: 2811 }, auth: { kind: 'gsi', subject: null } } },
      { name: 'bucket', backend: 'rclone', bandwidthBytesPerSecond: 100_000_000, rclone: { remote: 'offsite' } },
    ]);
    expect(config.lts.map(({ backend }) => backend).sort()).toEqual([...formats.backend.accepts.matchAll(/[a-z]+(?=,|$)/g)].map(String).sort());
    expect(config.topdirs.map(({ lts, copies }) => [lts.length, copies.toSeal])).toEqual([[4, 2], [2, 1], [2, 2]]);
  });

  it.each([
    ['ie01', { staging: { budgetBytes: 2 * 2 ** 40 }, worker: { slots: 6 }, logging: { level: 'info' } }],
    ['ie02.example.org', { staging: { budgetBytes: 6 * 2 ** 40 }, worker: { slots: 2 }, logging: { level: 'debug' }, http: { bind: '10.0.0.2' } }],
    ['ie03', { staging: { budgetBytes: 500 * 2 ** 30 }, worker: { slots: 2 }, logging: { level: 'info' } }],
  ])('site.yaml loads on %s, with overrides', async (hostname, own) => {
    const root = await workspace();
    const { config } = await loadBelow(root, await read('site.yaml'), hostname);
    expect(config).toMatchObject({ ...own, redis: { url: 'rediss://bw:pw@redis.example.org:6379/0' }, dar: { encryption: { keyId: 'site-2026' } } });
    const [staff, projects, archive] = config.topdirs;
    expect(staff).toMatchObject({ depth: 1, readFrom: null, dar: { sliceBytes: 32 * 2 ** 30 }, schedule: { fullEveryMs: 30 * 86_400_000 } });
    expect(projects).toMatchObject({ depth: 2, dar: { sliceBytes: 64 * 2 ** 30, compression: 'zstd:1' }, schedule: { fullEveryMs: 90 * 86_400_000, level: 'incremental', startOfDay: 1200, events: { scan: { kind: 'every', ms: 3_600_000 } } } });
    expect(projects?.basepaths).toMatchObject([{ path: 'physics/lattice', schedule: { fullEveryMs: 90 * 86_400_000, incrementalEveryMs: 6 * 3_600_000, pastDueMs: 86_400_000 } }]);
    expect(projects?.hooks.before).toEqual([`${root}/usr/local/sbin/make-snapshot`, 'projects']);
    expect(archive).toMatchObject({ dar: { encryption: null, compression: 'none' }, limits: { maxExceptions: 100_000 } });
  });

  it('give all hosts of a site the same policy', async () => {
    const root = await workspace();
    const text = await read('site.yaml');
    expect((await loadBelow(root, text, 'ie01')).config.policyHash).toBe((await loadBelow(root, text, 'ie02')).config.policyHash);
  });
});

describe('every invalid sample', async () => {
  it.each(await yamlIn('invalid/'))('%s fails for the reason it names, and no other', async (name) => {
    const text = await read(`invalid/${name}`);
    const expected = /^# expect: (.+)\n/.exec(text)?.[1];
    const parsed = parseSettings({ text, file: name, env: {}, flags: {}, hostname: 'ie01' });
    const problems = [...parsed.problems, ...parsed.locate(judge(parsed.settings, placesOf(parsed.settings), new Map()))];
    const reasons = problems.map(({ key, problem }) => `${key === '' ? '""' : key} ${problem}`);
    expect(expected).toBeDefined();
    expect(reasons).not.toEqual([]);
    expect(reasons.filter((reason) => !reason.startsWith(expected ?? ''))).toEqual([]);
    for (const problem of problems) {
      expect(problem.remedy).toMatch(/\.$|\?$/);
      expect(problem.file.startsWith(name)).toBe(true);
    }
  });
});

it('deploy/config/README.md has a row for every key, and no other', async () => {
  const readme = (await read('README.md')).split('\n').filter((line) => line.startsWith('| `'));
  expect(readme.sort()).toEqual(keyTable().sort());
});
