import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { createGridftpBackend } from '../../../shared/transfer/gridftp/gridftp-backend.js';
import { UrlCopy } from '../../../shared/transfer/gridftp/url-copy.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { restoreDifferences, sealed } from '../../helpers/chain.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { startFaultProxy } from '../../helpers/ftp-fault-proxy.js';
import { GRIDFTP_PROGRAMS, guestDirectory, hasGridftp, startGridftpServer } from '../../helpers/gridftp-server.js';
import { needs } from '../../helpers/needs.js';
import { testSite } from '../../helpers/site.js';
import { workspace } from '../../helpers/workspace.js';

it('full, incremental and restore through gridftp, where bytes are spoiled on their way each time', async (context) => {
  needs(context, hasGridftp(), GRIDFTP_PROGRAMS);
  const running = await startGridftpServer(await workspace(), 'anonymous');
  onTestFinished(() => running.stop());
  const proxy = await startFaultProxy(running.server);
  onTestFinished(() => proxy.stop());
  const store = await guestDirectory(await workspace());
  const site = await testSite({ settings: { lts: [{ name: 'grid', backend: 'gridftp', dir: store, gridftp: { url: `ftp://127.0.0.1:${proxy.server.port}` } }] } });
  const alice = join(site.topdir, 'alice');
  await mkdir(join(alice, 'sub'), { recursive: true });
  for (const [name, seed] of [['kept', 1], ['changed', 2]] as const) await writeFile(join(alice, 'sub', name), sampleBytes(50_000, seed));
  proxy.faults.push('flip');
  const full = await sealed(site, 'alice', 'full');
  await writeFile(join(alice, 'sub', 'changed'), sampleBytes(60_000, 3));
  proxy.faults.push('cut');
  const incremental = await sealed(site, 'alice', 'incremental');
  expect(incremental).toMatchObject({ parent: full.backupId, outcome: 'clean' });
  proxy.faults.push('flip');
  expect(await restoreDifferences(site, incremental, alice)).toEqual([]);
  expect(proxy.spoiled()).toBe(3);
  const entries = await readdir(store, { recursive: true });
  expect(entries.filter((name) => name.includes('.part-'))).toEqual([]);
}, 60_000);

it('keeps to the bandwidth, which globus-url-copy has no option for', async (context) => {
  needs(context, hasGridftp(), GRIDFTP_PROGRAMS);
  const running = await startGridftpServer(await workspace(), 'anonymous');
  onTestFinished(() => running.stop());
  const dir = await workspace();
  const bandwidth = { write: createLimiter(400_000), read: createLimiter(null) };
  const backend = createGridftpBackend({ name: 'grid', server: running.server, auth: running.auth, dir: await guestDirectory(await workspace()), parallel: 1, concurrent: 2, bandwidth });
  const item = await sampleItem(dir, 'a/b', sampleBytes(400_000));
  const started = performance.now();
  await backend.submit('key', [item]);
  expect(performance.now() - started).toBeGreaterThan(700);
  expect(await backend.verify(item)).toBe('match');
});

it('gives a password to globus-url-copy neither by its arguments nor by a file that a killed worker would leave', async () => {
  const dir = await workspace();
  await writeFile(join(dir, 'password'), 'geheim#1\n', { mode: 0o600 });
  await fakeProgram('globus-url-copy', `for last; do :; done
[ "$last" = - ] && last=/proc/self/fd/0 && list=$(cat) || list=$(cat "$last")
readlink "$last" >> '${dir}/where'
printf '%s\\n' "$list" >> '${dir}/lists'
printf '%s\\n' "$@" >> '${dir}/arguments'
tr '\\0' '\\n' < /proc/$$/environ >> '${dir}/arguments'`);
  const auth = { kind: 'password', user: 'bw', passwordFile: join(dir, 'password') } as const;
  const copy = new UrlCopy({ server: { scheme: 'ftp', host: 'grid', port: 21 }, auth, parallel: 1, stallMs: 1000 });
  await copy.put([{ file: '/a b', path: '/far' }], {}, undefined);
  await copy.putStream(Readable.from([Buffer.from('x')], { objectMode: false }), '/far', {}, undefined);
  await copy.get('/far', {}, undefined, async (stream) => { await stream.resume().toArray(); });
  const url = '"ftp://bw:geheim%231@grid:21/far"';
  expect(await readFile(join(dir, 'lists'), 'utf8')).toBe(`"file:///a%20b" ${url}\n"-" ${url}\n${url} "-"\n`);
  expect((await readFile(join(dir, 'where'), 'utf8')).trim().split('\n').map((name) => name.split(':')[0])).toEqual(['socket', 'pipe', 'socket']);
  expect(await readFile(join(dir, 'arguments'), 'utf8')).not.toContain('geheim');
});
