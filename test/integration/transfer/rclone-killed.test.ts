import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeLinkDirectory } from '../../../shared/transfer/rclone/link-directory.js';
import { sampleBytes, sampleItem } from '../../conformance/sample-items.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { fakeProgram } from '../../helpers/fake-program.js';
import { rcloneLts } from '../../helpers/rclone-remote.js';
import { workspace } from '../../helpers/workspace.js';

const product = compiledProduct();

const SENDER = `
import { createLimiter } from './shared/transfer/bandwidth.js';
import { createRcloneBackend } from './shared/transfer/rclone/rclone-backend.js';
const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
const backend = createRcloneBackend({ name: 'off', remote: 'box', dir: '/lts', configFile: null, tape: false, bandwidth });
await backend.submit('key', [JSON.parse(process.argv[2])]);
`;

it('what a killed sender linked is gone after the next start; that of one that lives stays', async () => {
  const [dir, tmp] = [await workspace(), await workspace()];
  const features = '{"Name":"local","Hashes":["sha256"],"Features":{"About":false,"BucketBased":false,"Copy":false,"Move":true}}';
  await fakeProgram('rclone', `case "$1" in backend) echo '${features}';; copy) echo copying > ${join(dir, 'copying')}; exec sleep 600;; esac`);
  const item = await sampleItem(dir, 'a/b/c', sampleBytes(1000));
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = tmp;
  onTestFinished(() => { if (before === undefined) delete process.env['TMPDIR']; else process.env['TMPDIR'] = before; });
  const script = join(product.dir, 'sender.js');
  await writeFile(script, SENDER);
  await mkdir(join(tmp, 'bw-bkup-rclone-of-somebody'));
  const sender = spawn(process.execPath, [script, JSON.stringify(item)], { stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(() => { sender.kill('SIGKILL'); });
  await expect.poll(() => readdir(dir), { timeout: 10_000 }).toContain('copying');
  const linked = (await readdir(tmp)).filter((name) => name !== 'bw-bkup-rclone-of-somebody');
  expect(linked).toEqual([expect.stringMatching(/^bw-bkup-rclone-/)]);
  sender.kill('SIGKILL');
  await once(sender, 'exit');
  const own = await makeLinkDirectory();
  await rcloneLts({ remote: 'box', configFile: null }).probe();
  expect((await readdir(tmp)).map((name) => join(tmp, name)).sort()).toEqual([own, join(tmp, 'bw-bkup-rclone-of-somebody')].sort());
});
