import { constants as osConstants } from 'node:os';
import { BwError } from '../errors/bw-error.js';
import { registerChild } from './active-children.js';
import { launchable } from './argument-bytes.js';
import type { Command, ExitStatus } from './command.js';
import { GUARDIAN_SCRIPT } from './guardian-script.js';
import { startGuardian, type Guardian } from './guardian.js';
import { childEnv, hasPdeathsig, resolveProgram, wholeArgv, type Launch } from './launch.js';
import { currentLauncher } from './launcher/launcher.js';
import { watchPeakMemory, type PeakMemory } from './peak-memory.js';
import { STAGING_MARK } from './strays.js';

export interface GuardedOptions {
  /**
   * Both outputs of the program are appended here (0600). A file and not a pipe: when we die, dar still
   * prints while it closes its archive, and a broken pipe would kill it there. Read it with `tailFile`.
   */
  readonly logFile: string;
  /** Directory it writes to: how a later worker finds it again if all of us died (`continueStrays`). */
  readonly stagingDir: string;
}

export interface GuardedExit extends ExitStatus {
  /** Peak resident memory; null when it ended before the first reading (5 ms). */
  readonly peakRssBytes: number | null;
  readonly wallMs: number;
  readonly terminatedByUs: boolean;
}

export interface GuardedChild {
  /** The program's own, not the guardian's. Signals go through the methods below only. */
  readonly pid: number;
  readonly logFile: string;
  /** One TERM, then CONT, however often it is called. */
  readonly terminate: () => void;
  /** Another TERM: only for a program that did not heed the first, because it spoils dar's archive. */
  readonly terminateAgain: () => void;
  readonly kill: () => void;
  /** Does not wait for it any more: `exited` rejects PROGRAM_UNKILLABLE. A process that hangs in the kernel survives SIGKILL until that answers. */
  readonly giveUp: () => void;
  /** STOP: back-pressure. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly exited: Promise<GuardedExit>;
}

/**
 * Starts a program that must end cleanly: it gets exactly one TERM when this process dies, even while it
 * is paused. Rejects PROGRAM_NOT_FOUND, PROGRAM_START_FAILED, LOG_NOT_WRITABLE, ARGUMENT_INVALID.
 */
export async function startGuarded(command: Command, options: GuardedOptions): Promise<GuardedChild> {
  const started = performance.now();
  const launch = guardianLaunch(command, options);
  const launcher = currentLauncher();
  const guardian = await (launcher === null ? startGuardian(command.program, launch, options.logFile) : launcher.guard(command.program, launch, options.logFile));
  return control(guardian, command, options.logFile, started);
}

function guardianLaunch(command: Command, options: GuardedOptions): Launch {
  const { argv, cwd } = launchable(wholeArgv(command), command.cwd);
  const tied = hasPdeathsig() ? [resolveProgram('setpriv'), '--pdeathsig', 'TERM', '--', ...argv] : argv;
  const env = childEnv({ ...command.env, [STAGING_MARK]: options.stagingDir });
  return { file: '/bin/sh', args: ['-c', GUARDIAN_SCRIPT, 'sh', ...tied], cwd, env };
}

function control({ pid, send, ended, forget }: Guardian, command: Command, logFile: string, started: number): GuardedChild {
  const memory = watchPeakMemory(pid);
  let terminatedByUs = false;
  const terminate = (): void => {
    terminatedByUs = true;
    send('T');
  };
  const kill = (): void => {
    send('K');
  };
  const terminateAgain = (): void => {
    terminatedByUs = true;
    send('A');
  };
  const { givenUp, giveUp } = givingUp(command.program, pid, forget);
  const unregister = registerChild({ pid, program: command.program, guarded: true, end: terminate, kill });
  const exited = Promise.race([ended, givenUp]).finally(() => { unregister(); memory.stop(); }).then((status) => finish(status, memory, started, () => terminatedByUs));
  exited.catch(() => undefined); // whoever awaits it gets the rejection
  return { pid, logFile, terminate, terminateAgain, kill, giveUp, pause: () => { send('S'); }, resume: () => { send('C'); }, exited };
}

function givingUp(program: string, pid: number, forget: () => void): { readonly givenUp: Promise<never>; readonly giveUp: () => void } {
  let giveUp = (): void => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = () => {
      forget();
      reject(unkillable(program, pid));
    };
  });
  givenUp.catch(() => undefined); // told by `exited`
  return { givenUp, giveUp };
}

function unkillable(program: string, pid: number): BwError {
  return new BwError('PROGRAM_UNKILLABLE', {
    message: `${program} was killed and does not end: it hangs in the kernel`,
    retry: 'retry',
    hint: `Look at the mounts of the host: cat /proc/${pid}/stack, dmesg. It ends when its filesystem answers, or with a reboot.`,
    subject: `process ${pid}`,
  });
}

function finish(status: ExitStatus, memory: PeakMemory, started: number, terminated: () => boolean): GuardedExit {
  return {
    ...programStatus(status),
    peakRssBytes: memory.bytes(),
    wallMs: performance.now() - started,
    terminatedByUs: terminated(),
  };
}

/** A shell reports the end by signal N as exit code 128+N. */
export function programStatus(guardian: ExitStatus): ExitStatus {
  const signals = Object.entries(osConstants.signals) as [NodeJS.Signals, number][];
  const signal = signals.find(([, number]) => guardian.code === 128 + number)?.[0];
  return signal === undefined ? guardian : { code: null, signal };
}
