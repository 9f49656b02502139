import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { workspace } from '../../helpers/workspace.js';
import { bwBkup, pathWith } from '../faults/cli.js';
import { compiledProduct } from '../faults/compiled-product.js';

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

/** A site with one basepath; returns its configuration file. */
async function writeSite(root: string): Promise<string> {
  const at = (name: string): string => join(root, name);
  for (const name of ['top/alice', 'staging', 'catalog', 'lts', 'state']) await mkdir(at(name), { recursive: true, mode: 0o700 });
  await writeFile(join(at('top/alice'), 'letter'), 'dear bob');
  const settings = {
    host: 'here',
    topdirs: [{ path: at('top') }],
    staging: { dir: at('staging'), budget: '1GiB' },
    catalog: { dir: at('catalog') },
    state: { dir: at('state') },
    lts: [{ name: 'lts', dir: at('lts') }],
    dar: { sliceSize: '16MiB' },
    http: { producerPort: null, workerPort: null },
    logging: { level: 'error', format: 'json' },
  };
  await writeFile(at('bw-bkup.yaml'), stringify(settings));
  return at('bw-bkup.yaml');
}
