import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { workspace } from '../../helpers/workspace.js';
import { bwBkup, pathWith } from '../../faults/cli.js';
import { compiledProduct } from '../../faults/compiled-product.js';

const product = compiledProduct();
/** What a run needs beside dar and redis-server. */
const TOOLS = ['setpriv', 'sh', 'find', 'stat', 'sort', 'zstd', 'tar', 'xargs', 'env'];
const OLD_DAR = '#!/bin/sh\nprintf " dar version 2.6.9, Copyright (C) 2002-2020 Denis Corbin\\n Using libdar 6.3.0 built with compilation time options:\\n"\n';
const NO_DAR = /^DAR_MISSING: dar is not installed, or not on the PATH of this service\n  PATH=.*\n  -> Run deploy\/setup\.sh, or: apt-get install dar\n$/;

let dir: string;
let configFile: string;
beforeEach(async () => {
  dir = await workspace();
  configFile = await writeSite(dir);
});

describe('a program that is missing', () => {
  it.each([
    ['a dar that is too old', ['redis-server'], { dar: OLD_DAR }, /^DAR_TOO_OLD: dar 2\.6\.9 is too old: 2\.7\.0 or newer is needed\n  -> Install a newer dar .*\n$/],
    ['a dar that is something else', ['redis-server'], { dar: '#!/bin/sh\necho hello\n' }, /^DAR_UNRECOGNISED: dar -V printed something that is not its version\n  hello\n[^]*-> Check which dar is first on PATH\.\n$/],
    ['no redis-server', ['dar'], {}, /^REDIS_SERVER_MISSING: redis-server is not installed and no redis\.url is configured\n  -> Run deploy\/setup\.sh .*\n$/],
  ] as const)('%s: standalone says so with exit code 5, and does nothing', async (_, programs, scripts, message) => {
    const path = await pathWith(join(dir, 'bin'), [...TOOLS, ...programs], scripts);
    const run = await bwBkup(product, ['standalone', '--once', '--config', configFile], { path });
    expect(run).toMatchObject({ exitCode: 5, stdout: '', stderr: expect.stringMatching(message) as unknown });
    expect(await readdir(join(dir, 'catalog/backups'))).toEqual([]);
    expect(await readdir(join(dir, 'lts'))).toEqual([]);
    expect(await readdir(join(dir, 'staging'))).toEqual([]);
  });

  it('no dar: standalone says so with exit code 5; with dar the next run does everything', async () => {
    const path = await pathWith(join(dir, 'bin'), [...TOOLS, 'redis-server']);
    const without = await bwBkup(product, ['standalone', '--once', '--config', configFile], { path });
    expect(without).toMatchObject({ exitCode: 5, stdout: '', stderr: expect.stringMatching(NO_DAR) as unknown });
    const run = await bwBkup(product, ['standalone', '--once', '--json', '--config', configFile]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(run.stdout)).toMatchObject({ sealed: 1, failed: 0, withExceptions: 0 });
  });
});

describe('a source that is lost', () => {
  it('with its whole topdir: what was saved is listed and restored all the same; a round names it, and does the rest', async () => {
    const inTime = await bwBkup(product, ['standalone', '--once', '--json', '--config', configFile]);
    expect(inTime.exitCode).toBe(0);
    await rename(join(dir, 'top'), join(dir, 'lost'));
    await mkdir(join(dir, 'more/bob'), { recursive: true });
    await writeFile(join(dir, 'more/bob/letter'), 'dear alice');

    const status = await bwBkup(product, ['status', '--json', '--config', configFile]);
    expect(JSON.parse(status.stdout)).toMatchObject({ basepaths: [{ path: join(dir, 'top/alice'), state: 'ok' }] });
    const target = join(dir, 'restore', 'r1');
    const restored = await bwBkup(product, ['restore', join(dir, 'top/alice'), '--to', target, '--json', '--config', configFile]);
    expect(restored).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(target, 'letter'), 'utf8')).toBe('dear bob');

    await writeSite(dir, ['top', 'more']);
    await rename(join(dir, 'top'), join(dir, 'made-by-the-test'));
    const round = await bwBkup(product, ['standalone', '--once', '--json', '--config', configFile]);
    expect(round.exitCode).toBe(1);
    expect(JSON.parse(round.stdout)).toMatchObject({
      sealed: 1,
      topdirs: [{ found: 0, deleted: 0, error: expect.stringMatching(/^SCAN_FAILED: the topdir cannot be listed \[/) as unknown }, { found: 1, error: null }],
    });
  });
});

/** A site with one basepath, below the first topdir; returns its configuration file. */
async function writeSite(root: string, topdirs: readonly string[] = ['top']): Promise<string> {
  const at = (name: string): string => join(root, name);
  for (const name of ['top/alice', 'staging', 'catalog', 'lts', 'state', 'restore']) await mkdir(at(name), { recursive: true, mode: 0o700 });
  await writeFile(join(at('top/alice'), 'letter'), 'dear bob');
  const settings = {
    host: 'here',
    topdirs: topdirs.map((name) => ({ path: at(name) })),
    staging: { dir: at('staging'), budget: '1GiB' },
    catalog: { dir: at('catalog') },
    state: { dir: at('state') },
    lts: [{ name: 'lts', dir: at('lts') }],
    dar: { sliceSize: '16MiB' },
    restore: { allowedTargets: [at('restore')] },
    http: { producerPort: null, workerPort: null },
    logging: { level: 'error', format: 'json' },
  };
  await writeFile(at('bw-bkup.yaml'), stringify(settings));
  return at('bw-bkup.yaml');
}
