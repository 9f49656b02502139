import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasProgram } from '../../shared/process/index.js';
import type { GridftpAuth, GridftpServer } from '../../shared/transfer/gridftp/options.js';
import { makeAuthority, type Authority } from './grid-authority.js';
import { freePort } from './redis-server.js';

export interface GridftpTestServer {
  readonly server: GridftpServer;
  readonly auth: GridftpAuth;
  /** With GSI. */
  readonly authority: Authority | null;
  readonly log: () => Promise<string>;
  /** Processes that serve a session now. */
  readonly sessions: () => Promise<number[]>;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly stop: () => Promise<void>;
}

export const GRIDFTP_PROGRAMS = 'globus-gridftp-server and globus-url-copy (packages globus-gridftp-server-progs, globus-gass-copy-progs)';

export function hasGridftp(): boolean {
  return hasProgram('globus-gridftp-server') && hasProgram('globus-url-copy');
}

/** The account a server of ours gives its users: it refuses to serve as root. */
const GUEST = { name: 'nobody', isNeeded: process.getuid?.() === 0 };

/** A directory that the server's account can write to. */
export async function guestDirectory(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  if (GUEST.isNeeded) await chmod(dir, 0o777);
  return dir;
}

/** A real server on 127.0.0.1, which lets everything below the directory of temporary files be read and written. `dir`: for its log and certificates. */
export async function startGridftpServer(dir: string, kind: 'anonymous' | 'gsi'): Promise<GridftpTestServer> {
  const authority = kind === 'gsi' ? await makeAuthority(dir, GUEST.isNeeded ? GUEST.name : (process.env['USER'] ?? '')) : null;
  const port = await freePort();
  const logFile = join(dir, 'gridftp.log');
  const access = kind === 'gsi' ? [] : ['-aa', ...(GUEST.isNeeded ? ['-anonymous-user', GUEST.name] : [])];
  const args = [...access, '-p', String(port), '-hostname', '127.0.0.1', '-home-dir', tmpdir(), '-rp', tmpdir(), '-d', 'ERROR,WARN,INFO', '-log-module', 'stdio:buffer=0', '-l', logFile];
  const child = spawn('globus-gridftp-server', args, { stdio: 'ignore', detached: true, env: { PATH: process.env['PATH'], ...authority?.serverEnv } });
  await untilGreets(port, child);
  const server = { scheme: kind === 'gsi' ? 'gsiftp' : 'ftp', host: kind === 'gsi' ? 'localhost' : '127.0.0.1', port } as const;
  return {
    server,
    auth: authority === null ? { kind: 'anonymous' } : authority.auth,
    authority,
    log: () => readFile(logFile, 'utf8'),
    sessions: () => childrenOf(child.pid ?? 0),
    signal: (name) => { signalGroup(child, name); },
    stop: async () => {
      // Killing the listener alone would leave the processes of its sessions.
      const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
      signalGroup(child, 'SIGKILL');
      await exited;
    },
  };
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return text.split(' ').filter((word) => word.trim() !== '').map(Number);
}

export async function untilGreets(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const socket = connect({ port, host: '127.0.0.1' });
    const greeted = await Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]).catch(() => false);
    socket.destroy();
    if (greeted) return;
    await sleep(10);
  }
  throw new Error(`globus-gridftp-server ended with ${child.exitCode}`);
}
