import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkCommand, checkOutput, configRequest, registerConfigCommands, showCommand, showOutput, type Terminal } from '../../../../../producer/cli/config/index.js';
import { workspace } from '../../../../helpers/workspace.js';

let file: string;
let out: string;
let error: string;
let terminal: Terminal;

beforeEach(async () => {
  const dir = await workspace();
  file = join(dir, 'site.yaml');
  for (const name of ['home', 'staging', 'catalog', 'state', 'lts']) await mkdir(join(dir, name));
  await writeFile(file, `topdirs: [{path: ${dir}/home}]
staging: {dir: ${dir}/staging, budget: 1GiB}
catalog: {dir: ${dir}/catalog}
state: {dir: ${dir}/state}
lts: [{name: disk, dir: ${dir}/lts}]
dar: {sliceSize: 10MiB}
redis: {url: 'redis://bw:hunter2@redis'}
`);
  out = '';
  error = '';
  terminal = { env: {}, out: (text) => void (out += text), error: (text) => void (error += text) };
});

afterEach(() => {
  process.exitCode = undefined;
});

describe('config check', () => {
  it('says that all is well, with exit 0', async () => {
    expect(await checkCommand({ config: file }, terminal)).toBe(0);
    expect(out).toMatch(/site\.yaml: ok for host \S+: 1 topdir, LTS disk, Redis by URL, policy [0-9a-f]{12}\n$/);
    expect(error).toBe('');
  });

  it('says everything that is wrong with exit 2', async () => {
    expect(await checkCommand({ config: file, set: ['dar.sliceSize=1G', 'logging.level=loud'] }, terminal)).toBe(2);
    expect(out).toContain('--set dar.sliceSize: dar.sliceSize "1G" is not a size\n  -> Use bytes as a plain number');
    expect(out).toContain('--set logging.level: logging.level "loud" is not known\n  -> Use one of trace, debug, info, warn, error, fatal.');
    expect(out).toMatch(/\n2 problems\n$/);
  });

  it.each([
    [[], true, 0, 0],
    [['dar.sliceSize=1G', 'http.bind=1.2.3'], false, 2, 2],
  ])('prints JSON with --json %j', async (set, ok, exit, count) => {
    expect(await checkCommand({ config: file, set, json: true }, terminal)).toBe(exit);
    const output = checkOutput.parse(JSON.parse(out));
    expect([output.ok, output.problems.length]).toEqual([ok, count]);
  });
});

describe('config show', () => {
  it('names the origin of values and hides the password', async () => {
    expect(await showCommand({ config: file, set: ['worker.slots=1'] }, terminal)).toBe(0);
    expect(out).toMatch(/slots: 1 +# --set worker\.slots\n/);
    expect(out).toMatch(/url: redis:\/\/bw:\*\*\*@redis +# .*site\.yaml:7\n/);
    expect(out).not.toContain('hunter2');
  });

  it('prints JSON in bytes with --json, without the password', async () => {
    expect(await showCommand({ config: file, json: true }, terminal)).toBe(0);
    const output = showOutput.parse(JSON.parse(out));
    expect(output.config).toMatchObject({ dar: { sliceBytes: 10 * 2 ** 20 }, redis: { url: 'redis://bw:***@redis' } });
    expect(output.sources['dar.sliceSize']).toMatchObject({ kind: 'file', value: '10MiB' });
    expect(out).not.toContain('hunter2');
  });

  it('ends with 2 and the problems on standard error', async () => {
    expect(await showCommand({ config: `${file}.gone` }, terminal)).toBe(2);
    expect([out, error.startsWith('CONFIG_INVALID: ')]).toEqual(['', true]);
  });
});

describe('on the command line', () => {
  it('runs with its options', async () => {
    const program = new Command('bw-bkup');
    registerConfigCommands(program, terminal);
    await program.parseAsync(['node', 'bw-bkup', 'config', 'show', '--config', file, '--set', 'worker.slots=1', '--set', 'logging.level=debug']);
    expect(out).toMatch(/slots: 1 +# --set[^]*level: debug +# --set/);
    expect(process.exitCode).toBe(0);
    await program.parseAsync(['node', 'bw-bkup', 'config', 'check', '--config', `${file}.gone`]);
    expect(process.exitCode).toBe(2);
  });

  it('takes values with = in them, and refuses a --set without', () => {
    expect(configRequest({ set: ['redis.url=redis://h?a=b'] }, {}).flags).toEqual({ 'redis.url': 'redis://h?a=b' });
    for (const text of ['dar.sliceSize', '=1GiB']) {
      expect(() => configRequest({ set: [text] }, {})).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
    }
  });
});
