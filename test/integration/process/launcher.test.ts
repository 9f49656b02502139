import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sendSignal } from '../../../shared/process/active-children.js';
import { findStrays } from '../../../shared/process/index.js';
import type * as Process from '../../../shared/process/index.js';
import { withinMs } from '../../../shared/signals/within-ms.js';
import { workspace } from '../../helpers/workspace.js';
import { until as untilGiven } from '../bad-input/until.js';
import { compileProcess } from './compiled-process.js';

/** Counts TERMs; ends a moment after the first, in which a second would be seen. Until then it lives, however late that comes. */
const COUNTER = 'trap "echo term; t=1" TERM; echo ready; while [ -z "$t" ]; do sleep 0.02 & wait $!; done; for i in 1 2 3 4 5 6; do sleep 0.05 & wait $!; done; echo end';

/** shared/process as it runs in production: compiled, so that the launcher's program is there. */
async function withLauncher(): Promise<{ p: typeof Process; dir: string }> {
  const dir = await workspace();
  const p = (await import(/* @vite-ignore */ await compileProcess(dir))) as typeof Process;
  p.useLauncher();
  onTestFinished(() => killStrays(dir));
  onTestFinished(killLaunchers);
  return { p, dir };
}

function killLaunchers(): void {
  for (const pid of launchers(process.pid)) sendSignal(pid, 'SIGKILL');
}

/** A failed test leaves nothing running: neither what is stopped nor what nobody asked to end. */
async function killStrays(dir: string): Promise<void> {
  for (const { pid } of await findStrays(dir)) sendSignal(pid, 'SIGKILL');
}

function launchers(parent: number): number[] {
  return childrenOf(parent).filter((pid) => commandOf(pid).includes('launcher-main.js'));
}

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

describe('with a launcher', () => {
  it('run collects, passes bytes, and gives programs a minimal environment', async () => {
    const { p } = await withLauncher();
    const result = await p.run({ program: 'sh', args: ['-c', 'cat; echo e >&2; exit 3'] }, { input: Buffer.from('in'), okCodes: [3] });
    expect([result.stdout.toString(), result.stderr, result.status]).toEqual(['in', 'e\n', { code: 3, signal: null }]);
    const odd = Buffer.from([0x2d, 0xff, 0x0a, 0x01]);
    expect((await p.run({ program: 'printf', args: ['%s', odd] })).stdout).toEqual(odd);
    const { stdout } = await p.run({ program: 'env', args: [], env: { MINE: '1' } });
    expect(stdout.toString().split('\n').filter(Boolean).map((line) => line.split('=')[0]).sort()).toEqual(['HOME', 'LC_ALL', 'MINE', 'PATH', 'TMPDIR']);
    const parent = Number((await p.run({ program: 'sh', args: ['-c', 'echo $PPID'] })).stdout.toString());
    expect(launchers(process.pid)).toContain(parent);
  });

  it('run tells failures apart, and none leaves a program behind', async () => {
    const { p } = await withLauncher();
    await expect(p.run({ program: 'sh', args: ['-c', 'echo why >&2; exit 2'] })).rejects.toMatchObject({ code: 'PROGRAM_FAILED', detail: 'why' });
    await expect(p.run({ program: 'sleep', args: ['60'] }, { timeoutMs: 20 })).rejects.toThrow(code('PROGRAM_TIMEOUT'));
    await expect(withinMs(20, undefined, (signal) => p.run({ program: 'sleep', args: ['60'] }, { signal }))).rejects.toThrow(code('PROGRAM_ABORTED'));
    await expect(p.run({ program: 'echo', args: ['too much'] }, { maxOutputBytes: 3 })).rejects.toThrow(code('PROGRAM_OUTPUT_TOO_LARGE'));
    await expect(p.run({ program: 'ls', args: [], cwd: '/no/such/dir' })).rejects.toThrow(code('PROGRAM_START_FAILED'));
    expect(p.activeChildren()).toEqual([]);
    expect(launchers(process.pid).flatMap(childrenOf)).toEqual([]);
  });

  it('guarded programs are controlled and reported as without', async () => {
    const { p, dir } = await withLauncher();
    const logFile = join(dir, 'log');
    const child = await p.startGuarded({ program: 'sh', args: ['-c', 'trap "echo term; exit 7" TERM; echo ready; while :; do sleep 0.02; done'] }, { logFile, stagingDir: dir });
    await until(async () => (await readFile(logFile, 'utf8')).includes('ready'));
    child.pause();
    await until(() => stateOf(child.pid) === 'T');
    child.terminate();
    child.terminate();
    expect(await child.exited).toMatchObject({ code: 7, terminatedByUs: true });
    expect(await readFile(logFile, 'utf8')).toBe('ready\nterm\n');
    await expect(p.startGuarded({ program: 'ls', args: [] }, { logFile: '/no/such/log', stagingDir: dir })).rejects.toThrow(code('LOG_NOT_WRITABLE'));
  });

  it('pipelines into a file report their stages', async () => {
    const { p, dir } = await withLauncher();
    const file = join(dir, 'out');
    const stages = await p.startPipeline([{ program: 'seq', args: ['3'] }, { program: 'sh', args: ['-c', 'sort -rn; echo odd >&2; exit 2'] }], { stdoutFile: file }).done;
    expect(stages.map((stage) => [stage.program, stage.status.code, stage.stderr.toString()])).toEqual([['seq', 0, ''], ['sh', 2, 'odd\n']]);
    expect(await readFile(file, 'utf8')).toBe('3\n2\n1\n');
    const stopped = p.startPipeline([{ program: 'sleep', args: ['60'] }], { stdoutFile: join(dir, 'none') });
    stopped.stop();
    expect((await stopped.done)[0]?.status.signal).toBe('SIGTERM');
  });

  it('a launcher that is killed fails what it ran, ends guarded programs politely, and is replaced', async () => {
    const { p, dir } = await withLauncher();
    const logFile = join(dir, 'log');
    const guarded = await p.startGuarded({ program: 'sh', args: ['-c', 'trap "echo term; exit 7" TERM; echo ready; while :; do sleep 0.02; done'] }, { logFile, stagingDir: dir });
    await until(async () => (await readFile(logFile, 'utf8')).includes('ready'));
    const running = p.run({ program: 'sleep', args: ['60'] });
    killLaunchers();
    await expect(running).rejects.toMatchObject({ code: 'PROGRAM_START_FAILED', retry: 'retry' });
    await expect(guarded.exited).rejects.toMatchObject({ code: 'PROGRAM_START_FAILED' });
    await until(async () => !existsSync(`/proc/${guarded.pid}`) && (await readFile(logFile, 'utf8')) === 'ready\nterm\n');
    expect((await p.run({ program: 'echo', args: ['again'] })).stdout.toString()).toBe('again\n');
  });
});

describe('when a process with a launcher ends', () => {
  async function startWorker(body: string): Promise<{ worker: ChildProcess; dir: string; pids: number[] }> {
    const dir = await workspace();
    const script = join(dir, 'worker.mjs');
    await writeFile(script, `import * as p from ${JSON.stringify(await compileProcess(dir))}; const dir = ${JSON.stringify(dir)}; p.useLauncher(); ${body}`);
    const worker = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => killStrays(dir));
    onTestFinished(() => void worker.kill('SIGKILL'));
    const line = await new Promise<string>((resolve) => worker.stdout.once('data', (chunk: Buffer) => { resolve(chunk.toString()); }));
    return { worker, dir, pids: line.trim().split(' ').map(Number) };
  }

  it('by SIGKILL, plain programs die, a guarded one gets exactly one TERM, and the launcher goes', async () => {
    const { worker, dir, pids } = await startWorker(`
      const child = await p.startGuarded({ program: 'sh', args: ['-c', ${JSON.stringify(COUNTER)}] }, { logFile: dir + '/log', stagingDir: dir });
      p.run({ program: 'sh', args: ['-c', 'echo $$ $PPID >' + dir + '/plain; exec sleep 60'] }).catch(() => undefined);
      console.log(child.pid);
      setInterval(() => undefined, 1000);`);
    await until(async () => existsSync(join(dir, 'plain')) && (await readFile(join(dir, 'plain'), 'utf8')).endsWith('\n') && (await readFile(join(dir, 'log'), 'utf8')).includes('ready'));
    const more = (await readFile(join(dir, 'plain'), 'utf8')).trim().split(' ').map(Number);
    worker.kill('SIGKILL');
    await until(() => [...pids, ...more].every((pid) => !existsSync(`/proc/${pid}`)));
    expect(await readFile(join(dir, 'log'), 'utf8')).toBe('ready\nterm\nend\n');
  });

  it('by itself, an idle launcher does not hold it up', async () => {
    const { worker } = await startWorker(`await p.run({ program: 'true', args: [] }); console.log(0);`);
    expect(await new Promise((resolve) => worker.once('exit', resolve))).toBe(0);
  });
});

function until(condition: () => boolean | Promise<boolean>): Promise<true> {
  return untilGiven(String(condition), async () => ((await condition()) ? true : null));
}

function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`).trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`);
}

function stateOf(pid: number): string {
  return /^State:\s+(\S)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? '';
}

/** Empty for a process that has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
