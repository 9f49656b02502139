import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { stringify } from 'yaml';
import { restoreOutput, standaloneOutput } from '../../../producer/cli/outputs.js';
import { openCatalog, type Catalog, type Manifest } from '../../../shared/catalog/index.js';
import { compareTrees } from '../../../shared/compare/index.js';
import { needs, needsRoot } from '../../helpers/needs.js';
import { workspace } from '../../helpers/workspace.js';
import { bwBkup, type CliRun } from '../../faults/cli.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { exceptionsOf } from './exceptions-of.js';
import { filesBelow } from './leftovers.js';
import { bytes } from './restoring.js';

const NOBODY = 65534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
const product = compiledProduct();

describe('a worker that may not read everything', () => {
  it('names each path with its reason, and the rest is restored; too many fail the backup and leave nothing', async (context) => {
    const site = await siteOfNobody(context);

    const tooMany = await asNobody(site, ['standalone', '--once', '--json', '--set', 'limits.maxExceptions=1']);
    expect(tooMany.exitCode).toBe(1);
    expect(standaloneOutput.parse(JSON.parse(tooMany.stdout))).toMatchObject({ sealed: 0, failed: 1 });
    const catalog = await openCatalog(join(site.dir, 'catalog'));
    expect(await manifestsOf(catalog)).toEqual([]);
    const left = await Promise.all(['staging', 'lts', 'catalog/work'].map((name) => filesBelow(join(site.dir, name))));
    expect(left.flat().filter((file) => !file.includes('/restore-kit/'))).toEqual([]);
    const status = await asNobody(site, ['status', '--json']);
    expect(status.exitCode).toBe(1);
    expect(status.stdout).toContain('"code":"TOO_MANY_EXCEPTIONS","message":"2 paths could not be saved, more than limits.maxExceptions (1)');

    expect(await asNobody(site, ['standalone', '--once', '--json'])).toMatchObject({ exitCode: 3, stderr: '' });
    const [manifest] = await manifestsOf(catalog);
    if (manifest === undefined) return expect.unreachable();
    expect(manifest).toMatchObject({ outcome: 'with-exceptions', counts: { exceptions: 2, vanished: 0, records: 5 } });
    expect(await exceptionsOf(catalog, manifest)).toEqual([
      { path: 'closed', reason: 'directory could not be listed', detail: 'Permission denied' },
      { path: 'open/secret', reason: 'not saved', detail: expect.stringContaining('Permission denied') as unknown },
    ]);

    const target = join(site.dir, 'restore', 'r1');
    const restored = await asNobody(site, ['restore', join(site.dir, 'top/alice'), '--to', target, '--json']);
    expect(restored.exitCode).toBe(3);
    expect(restoreOutput.parse(JSON.parse(restored.stdout))).toMatchObject({ state: 'done', outcome: 'with-exceptions' });
    const compared = await compareTrees({ left: bytes(join(site.dir, 'top/alice')), right: bytes(target), content: 'hash' });
    expect(compared.differences.map(({ path }) => path).sort()).toEqual(['closed/inside', 'open/secret']);
  });
});

interface OwnSite {
  readonly dir: string;
  readonly configFile: string;
}

/** Everything of the site belongs to the user; two things in it even its owner may not read. */
async function siteOfNobody(context: TestContext): Promise<OwnSite> {
  needsRoot(context);
  const dir = await workspace();
  const at = (name: string): string => join(dir, name);
  const dirs = ['top', 'top/alice', 'top/alice/open', 'top/alice/closed', 'staging', 'catalog', 'lts', 'state', 'restore'];
  for (const name of dirs) await mkdir(at(name), { mode: 0o700 });
  const files = ['open/letter', 'open/secret', 'closed/inside', 'notes'].map((name) => at(`top/alice/${name}`));
  for (const file of files) await writeFile(file, `content of ${file}`);
  const configFile = at('bw-bkup.yaml');
  await writeFile(configFile, stringify(settingsOf(dir)));
  for (const path of [dir, configFile, ...dirs.map(at), ...files]) await chown(path, NOBODY, NOBODY);
  for (const name of ['open/secret', 'closed']) await chmod(at(`top/alice/${name}`), 0);
  const site = { dir, configFile };
  needs(context, (await asNobody(site, ['--version'])).exitCode === 0, 'a checkout and a node that every user can read');
  return site;
}

function settingsOf(dir: string): Record<string, unknown> {
  return {
    host: 'here',
    topdirs: [{ path: join(dir, 'top') }],
    staging: { dir: join(dir, 'staging'), budget: '1GiB' },
    catalog: { dir: join(dir, 'catalog') },
    state: { dir: join(dir, 'state') },
    lts: [{ name: 'lts', dir: join(dir, 'lts') }],
    dar: { sliceSize: '16MiB' },
    restore: { allowedTargets: [join(dir, 'restore')] },
    http: { producerPort: null, workerPort: null },
    logging: { level: 'fatal', format: 'json' },
    deadLetters: { keepStaging: '1ms' },
  };
}

function asNobody(site: OwnSite, args: readonly string[]): Promise<CliRun> {
  const config = args[0] === '--version' ? [] : ['--config', site.configFile];
  return bwBkup(product, [...args, ...config], { prefix: AS_NOBODY });
}

async function manifestsOf(catalog: Catalog): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  for await (const listed of catalog.listBackups()) if (listed.ok) manifests.push(listed.manifest);
  return manifests;
}

