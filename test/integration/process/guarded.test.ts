import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sendSignal } from '../../../shared/process/active-children.js';
import { activeChildren, continueStrays, findStrays, killAll, startGuarded, tailFile } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';
import { until as untilGiven } from '../bad-input/until.js';
import { compileProcess } from './compiled-process.js';

/** Counts TERMs; ends a moment after the first, in which a second would be seen. Until then it lives, however late that comes. */
const COUNTER = 'trap "echo term; t=1" TERM; echo ready; while [ -z "$t" ]; do sleep 0.02 & wait $!; done; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.05 & wait $!; done; echo end; exit 4';
const FOREVER = 'trap "echo term; exit 7" TERM; echo ready; while :; do sleep 0.02; done';

function until(condition: () => boolean | Promise<boolean>): Promise<true> {
  return untilGiven(String(condition), async () => ((await condition()) ? true : null));
}
const stateOf = async (pid: number): Promise<string> => /^State:\s+(\S)/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '';
const said = (file: string, word: string) => async () => (await readFile(file, 'utf8')).includes(word);

/** A failed test leaves nothing running: neither what is stopped nor what nobody asked to end. */
async function killStrays(dir: string): Promise<void> {
  for (const { pid } of await findStrays(dir)) sendSignal(pid, 'SIGKILL');
}

/** The script has its directory as $1. */
async function start(script: string) {
  const dir = await workspace();
  const logFile = join(dir, 'log');
  const child = await startGuarded({ program: 'sh', args: ['-c', script, 'sh', dir] }, { logFile, stagingDir: dir });
  onTestFinished(() => killStrays(dir));
  await until(said(logFile, 'ready'));
  return { child, logFile, dir };
}

describe('startGuarded', () => {
  it('sends one TERM however often it is asked, and maps the status', async () => {
    const { child, logFile } = await start(COUNTER);
    child.terminate();
    await until(said(logFile, 'term'));
    for (let i = 0; i < 5; i++) child.terminate();
    expect(await child.exited).toMatchObject({ code: 4, signal: null, terminatedByUs: true });
    expect(await readFile(logFile, 'utf8')).toBe('ready\nterm\nend\n');
    child.terminate();
    expect(activeChildren()).toEqual([]);
  });

  it('sends another TERM only when told so, and gives up what does not end, which is still found', async () => {
    const { child, logFile, dir } = await start('trap "echo term" TERM; echo ready; while :; do sleep 0.02; done');
    const terms = async (): Promise<number> => (await readFile(logFile, 'utf8')).split('term').length - 1;
    child.terminate();
    await until(async () => (await terms()) === 1);
    child.terminate();
    child.terminateAgain();
    await until(async () => (await terms()) === 2);
    child.giveUp();
    await expect(child.exited).rejects.toMatchObject({ code: 'PROGRAM_UNKILLABLE', retry: 'retry' });
    expect(activeChildren()).toEqual([]);
    expect(await findStrays(dir)).toMatchObject([{ pid: child.pid, dir, guarded: true }]);
  });

  it('reports the program itself: pid, signal, time, memory, private log', async () => {
    const { child, logFile, dir } = await start('echo $$ >&2; echo ready; until [ -e "$1/go" ]; do sleep 0.02; done; kill -SEGV $$');
    await sleep(200); // its life; its memory is first read after 5 ms
    await writeFile(join(dir, 'go'), '');
    const exit = await child.exited;
    expect(exit).toMatchObject({ code: null, signal: 'SIGSEGV', terminatedByUs: false });
    expect(exit.wallMs).toBeGreaterThan(190);
    expect(exit.peakRssBytes).toBeGreaterThan(100_000);
    expect(await readFile(logFile, 'utf8')).toMatch(new RegExp(`^${child.pid}\nready\n`));
    expect((await stat(logFile)).mode & 0o777).toBe(0o600);
  });

  it('pauses and resumes, terminates while paused, and kills', async () => {
    const { child } = await start(FOREVER);
    child.pause();
    await until(async () => (await stateOf(child.pid)) === 'T');
    child.resume();
    await until(async () => (await stateOf(child.pid)) !== 'T');
    child.pause();
    await until(async () => (await stateOf(child.pid)) === 'T');
    child.terminate();
    expect((await child.exited).code).toBe(7);
    const stubborn = await start('trap "" TERM; echo ready; while :; do sleep 0.02; done');
    stubborn.child.kill();
    expect((await stubborn.child.exited).signal).toBe('SIGKILL');
  });

  it('passes bytes, and rejects what cannot start', async () => {
    const dir = await workspace();
    const options = { logFile: join(dir, 'log'), stagingDir: dir };
    await (await startGuarded({ program: 'printf', args: ['%s', Buffer.from([0xff, 0x0a])] }, options)).exited;
    expect(await readFile(options.logFile)).toEqual(Buffer.from([0xff, 0x0a]));
    const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;
    await expect(startGuarded({ program: 'no-such', args: [] }, options)).rejects.toThrow(code('PROGRAM_NOT_FOUND'));
    await expect(startGuarded({ program: 'ls', args: [], cwd: '/no/such' }, options)).rejects.toThrow(code('PROGRAM_START_FAILED'));
    await expect(startGuarded({ program: 'ls', args: [] }, { ...options, logFile: '/no/such/log' })).rejects.toThrow(code('LOG_NOT_WRITABLE'));
  });

  it('is ended by killAll', async () => {
    const { child } = await start(FOREVER);
    expect(activeChildren()).toMatchObject([{ pid: child.pid, program: 'sh', guarded: true }]);
    await killAll();
    expect((await child.exited).code).toBe(7);
  });
});

describe('when this process is killed', () => {
  async function startWorker(body: string): Promise<{ worker: ChildProcess; dir: string; pid: number }> {
    const dir = await workspace();
    const index = await compileProcess(dir);
    const script = join(dir, 'worker.mjs');
    await writeFile(script, `import * as p from ${JSON.stringify(index)}; const dir = ${JSON.stringify(dir)};
      const guard = (s) => p.startGuarded({ program: 'sh', args: ['-c', s] }, { logFile: dir + '/log', stagingDir: dir });
      ${body}
      setInterval(() => undefined, 1000);`);
    const worker = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => killStrays(dir));
    onTestFinished(() => void worker.kill('SIGKILL'));
    const pid = Number(await new Promise((resolve) => worker.stdout.once('data', (chunk: Buffer) => { resolve(chunk.toString()); })));
    return { worker, dir, pid };
  }

  it.each(['running', 'paused'])('a %s program gets exactly one TERM and ends', async (state) => {
    const { worker, dir, pid } = await startWorker(`const child = await guard(${JSON.stringify(COUNTER)});
      ${state === 'paused' ? 'child.pause();' : ''} console.log(child.pid);`);
    await until(state === 'paused' ? async () => (await stateOf(pid)) === 'T' : said(join(dir, 'log'), 'ready'));
    worker.kill('SIGKILL');
    await until(() => !existsSync(`/proc/${pid}`));
    const log = await readFile(join(dir, 'log'), 'utf8');
    // A program stopped before its trap was set dies of the TERM itself, and its shell may say so.
    expect(['', 'Terminated\n'].includes(log) ? 'term' : log.replace(/ready|end|\n/g, '')).toBe('term');
  });

  it('a plain program dies', async () => {
    const { worker, pid } = await startWorker(`p.startPipeline([{ program: 'sleep', args: ['60'] }]); console.log(p.activeChildren()[0].pid);`);
    await until(async () => (await readFile(`/proc/${pid}/comm`, 'utf8')) === 'sleep\n');
    worker.kill('SIGKILL');
    await until(() => !existsSync(`/proc/${pid}`));
  });

  it('a stopped program whose guardian was killed too is found and ended later', async () => {
    const { dir, pid } = await startWorker(`const child = await guard(${JSON.stringify(FOREVER)}); console.log(child.pid);`);
    await until(said(join(dir, 'log'), 'ready'));
    expect(await findStrays(dir)).toMatchObject([{ pid, guarded: true }]);
    process.kill(pid, 'SIGSTOP');
    await until(async () => (await stateOf(pid)) === 'T');
    expect(await continueStrays(dir)).toEqual([]);
    const guardian = Number(/^PPid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'latin1'))?.[1]);
    const children = (await readFile(`/proc/${guardian}/task/${guardian}/children`, 'latin1')).trim().split(' ').map(Number);
    for (const watcher of children.filter((child) => child !== pid)) sendSignal(watcher, 'SIGKILL');
    sendSignal(guardian, 'SIGKILL');
    await until(async () => (await findStrays(dir))[0]?.guarded === false);
    expect(await findStrays(`${dir}x`)).toEqual([]);
    expect(await continueStrays(dir)).toEqual([pid]);
    await until(() => !existsSync(`/proc/${pid}`));
    expect(await readFile(join(dir, 'log'), 'utf8')).toBe('ready\nterm\n');
  });
});

describe('tailFile', () => {
  it('yields what is there, what comes, and all of it at the end', async () => {
    const { child, logFile, dir } = await start('echo ready; until [ -e "$1/more" ]; do sleep 0.02; done; echo more; sleep 0.05; echo last');
    const parts: string[] = [];
    for await (const chunk of tailFile(logFile, child.exited, 10)) {
      parts.push(chunk.toString());
      await writeFile(join(dir, 'more'), '');
    }
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.join('')).toBe('ready\nmore\nlast\n');
  });
});
