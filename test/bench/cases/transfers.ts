import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasProgram, run } from '../../../shared/process/index.js';
import type { TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import { createLimiter } from '../../../shared/transfer/bandwidth.js';
import { sendItems } from '../../../shared/transfer/engine.js';
import { createGridftpBackend } from '../../../shared/transfer/gridftp/gridftp-backend.js';
import { fileUrl, listText, remoteUrl } from '../../../shared/transfer/gridftp/urls.js';
import { createPosixBackend } from '../../../shared/transfer/posix/posix-backend.js';
import { runSteps, type Step } from '../baseline.js';
import { startBenchServer } from '../gridftp-server.js';
import { checkRoom } from '../machine.js';
import { compare, type CaseOptions, type CaseResult, type Row } from '../result.js';
import { makeBigFiles } from '../trees.js';

/** 0.8 of the speed, as time. */
const SMALL_TARGET = 1.25;
/** 0.9 of the speed. */
const BIG_TARGET = 1.11;
/** As the configuration has it by default. */
const STREAMS = 4;
const CONCURRENT = 2;

interface Contest {
  readonly what: string;
  readonly target: number;
  readonly items: readonly TransferItem[];
  readonly backend: TransferBackend;
  /** What the same takes by hand; `name`: of a directory that is new. */
  readonly baseline: (name: string) => Promise<Step[]>;
  /** Where both write. */
  readonly far: string;
}

/** Slices to long-term storage and proven there, against programs that bring them there and, but for one, prove them. */
export async function transfers(options: CaseOptions): Promise<CaseResult> {
  const { dir, quick, runs, say, atEnd } = options;
  const [count, bigCount, bigBytes] = quick ? [50, 3, 1_000_000] : [1_000, 30, 100_000_000];
  await checkRoom(dir, 2.1 * bigCount * bigBytes, 5_000);
  say('making slices');
  const small = await makeItems(join(dir, 'small'), count, 65_536);
  const bandwidth = { write: createLimiter(null), read: createLimiter(null) };
  await mkdir(join(dir, 'disk'));
  const posix = createPosixBackend({ name: 'disk', dir: join(dir, 'disk'), bandwidth });
  const contests: Contest[] = [{ what: `posix, ${count} slices of 64 KiB`, target: SMALL_TARGET, items: small, backend: posix, baseline: (name) => Promise.resolve(copySteps(dir, name)), far: join(dir, 'disk') }];
  const rows: Row[] = [];
  const isThere = hasProgram('globus-gridftp-server') && hasProgram('globus-url-copy');
  if (isThere) {
    const far = join(dir, 'far');
    const { server, stop } = await startBenchServer(far);
    atEnd(stop);
    const gridftp = createGridftpBackend({ name: 'far', server, dir: far, auth: { kind: 'anonymous' }, parallel: STREAMS, concurrent: CONCURRENT, bandwidth });
    const steps = (items: readonly TransferItem[], flags: readonly string[]) => async (name: string): Promise<Step[]> => {
      const list = join(dir, 'list');
      await writeFile(list, listText(items.map((item) => ({ from: fileUrl(item.file), to: remoteUrl(server, `${far}/${name}/${item.object}`, null) }))));
      return [{ name: `globus-url-copy ${flags.join(' ')}`, script: 'exec globus-url-copy "$@"', args: [...flags, '-cd', '-f', list] }];
    };
    contests.push({ what: `gridftp, ${count} slices of 64 KiB`, target: SMALL_TARGET, items: small, backend: gridftp, baseline: steps(small, ['-cc', '2']), far });
    for (const contest of contests) rows.push(await hold(contest, runs, say));
    const big = await makeItems(join(dir, 'big'), bigCount, bigBytes);
    rows.push(await hold({ what: `gridftp, ${bigCount} slices of ${bigBytes / 1e6} MB`, target: BIG_TARGET, items: big, backend: gridftp, baseline: steps(big, ['-p', String(STREAMS), '-verify-checksum']), far }, Math.min(runs, 3), say));
  } else {
    for (const contest of contests) rows.push(await hold(contest, runs, say));
  }
  return {
    name: 'transfers',
    data: `${count} slices of 64 KiB; ${bigCount} of ${bigBytes / 1e6} MB, random bytes`,
    how: 'sendItems until each is committed, by default settings; against cp -r and sha512sum, one globus-url-copy -f list -cc 2 (which proves nothing), and globus-url-copy -p 4 -verify-checksum, to a server on 127.0.0.1',
    rows,
    phases: [],
    steps: [],
    notes: isThere ? [] : ['globus-gridftp-server and globus-url-copy are not installed: gridftp was not measured.'],
  };
}

async function hold(contest: Contest, runs: number, say: (text: string) => void): Promise<Row> {
  const { what, target, items, backend, baseline, far } = contest;
  const productMs: number[] = [];
  const baselineMs: number[] = [];
  for (let i = 0; i <= runs; i++) {
    const mine = items.map((item) => ({ ...item, object: `ours-${i}/${item.object}` }));
    const startedAt = performance.now();
    const results = await sendItems({ backend, items: mine, key: `run-${i}` });
    const wallMs = performance.now() - startedAt;
    const bad = results.find(({ state }) => state !== 'committed');
    if (bad !== undefined) throw bad.error ?? new Error(`${bad.item.object} is ${bad.state}`);
    await empty(far);
    const by = await runSteps(await baseline(`theirs-${i}`));
    await empty(far);
    if (i === 0) continue; // the first is a warm-up
    productMs.push(wallMs);
    baselineMs.push(by.wallMs);
    say(`${what}, run ${i}: ${wallMs.toFixed(0)} ms against ${by.wallMs.toFixed(0)} ms`);
  }
  return compare({ what, target, productMs, baselineMs });
}

function copySteps(dir: string, name: string): Step[] {
  const args = [join(dir, 'small'), join(dir, 'disk', name)];
  return [
    { name: 'cp -r', script: 'exec cp -r -- "$1" "$2"', args },
    { name: 'sha512sum', script: 'find "$2" -type f -exec sha512sum -- {} + >"$2.sums"', args },
  ];
}

async function empty(dir: string): Promise<void> {
  for (const name of await readdir(dir)) await run({ program: 'rm', args: ['-rf', '--', join(dir, name)] });
}

async function makeItems(dir: string, count: number, bytes: number): Promise<TransferItem[]> {
  await makeBigFiles(dir, count, bytes, 1_000);
  const names = (await readdir(join(dir, 'd0'))).sort();
  return Promise.all(names.map(async (name) => {
    const file = join(dir, 'd0', name);
    const content = await readFile(file);
    return { object: `bp/b1/${name}`, file, bytes, sha512: createHash('sha512').update(content).digest('hex') };
  }));
}
