import { statfs } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { probeDar } from '../../shared/dar/index.js';
import { run } from '../../shared/process/index.js';

/** What the numbers were taken on. */
export interface Machine {
  readonly takenAt: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly dar: string;
  readonly redis: string;
  /** Of the directory everything is done in. */
  readonly filesystem: string;
  /** Of the last minute, before the first case: far above zero means that somebody else was working too. */
  readonly loadAtStart: number;
}

export async function describeMachine(dir: string): Promise<Machine> {
  const dar = await probeDar();
  return {
    takenAt: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    dar: `${dar.version} (libdar ${dar.libdar}${dar.threads ? ', multi-threaded' : ''})`,
    redis: /v=(\S+)/.exec(await firstLine('redis-server', ['--version']))?.[1] ?? 'unknown',
    filesystem: await firstLine('stat', ['-f', '-c', '%T', '--', dir]),
    loadAtStart: loadavg()[0] ?? 0,
  };
}

async function firstLine(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run({ program, args });
  return stdout.toString('utf8').split('\n')[0] ?? '';
}

/** Throws when `dir` has not room for what a case needs: a full tmpfs takes the machine's memory with it. */
export async function checkRoom(dir: string, needBytes: number, needInodes: number): Promise<void> {
  const { bavail, bsize, ffree } = await statfs(dir);
  if (bavail * bsize >= needBytes && ffree >= needInodes) return;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new Error(`${dir} has ${gib(bavail * bsize)} and ${ffree} inodes free, this case needs ${gib(needBytes)} and ${needInodes}: use --dir or --quick`);
}
