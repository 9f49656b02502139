import { closeSync, openSync } from 'node:fs';
import { toBwError } from '../../errors/bw-error.js';
import { collect } from '../collect.js';
import { startGuardian } from '../guardian.js';
import { startStages } from '../pipeline.js';
import type { Answer, Request, Word } from './protocol.js';

// A program of its own: starts children for a worker (see launcher.ts) and ends with it.

/** How to tell a running program something. */
const running = new Map<number, (word: Word) => void>();

process.on('message', (message) => {
  const request = message as Request;
  if (request.ask === 'tell') running.get(request.id)?.(request.what);
  else void serve(request);
});

// The worker is gone: plain children end with us (pdeathsig, and the exit handler of active-children), guardians see their pipe close.
process.on('disconnect', () => { process.exit(0); });

async function serve(request: Exclude<Request, { ask: 'tell' }>): Promise<void> {
  try {
    answer(await carryOut(request));
  } catch (thrown) {
    const { code, message, hint, subject = null } = toBwError(thrown);
    answer({ id: request.id, is: 'failed', code, message, hint, subject });
  } finally {
    running.delete(request.id);
  }
}

function carryOut(request: Exclude<Request, { ask: 'tell' }>): Promise<Answer> {
  if (request.ask === 'collect') return runCollecting(request);
  return request.ask === 'guard' ? runGuarded(request) : runPiped(request);
}

async function runCollecting({ id, program, launch, options }: Extract<Request, { ask: 'collect' }>): Promise<Answer> {
  const ending = new AbortController();
  running.set(id, () => { ending.abort(); }); // what does not end is killed two seconds later
  return { id, is: 'collected', result: await collect(program, launch, options, ending.signal) };
}

async function runGuarded({ id, program, launch, logFile }: Extract<Request, { ask: 'guard' }>): Promise<Answer> {
  const guardian = await startGuardian(program, launch, logFile);
  running.set(id, (word) => { guardian.send(word === 'end' ? 'T' : word === 'kill' ? 'K' : word); });
  answer({ id, is: 'running', pid: guardian.pid });
  return { id, is: 'exited', status: await guardian.ended };
}

async function runPiped({ id, stages, file }: Extract<Request, { ask: 'pipe' }>): Promise<Answer> {
  const fd = openSync(file, 'a');
  try {
    const pipeline = startStages(stages, {}, fd);
    running.set(id, () => { pipeline.stop(); });
    return { id, is: 'piped', stages: await pipeline.done };
  } finally {
    closeSync(fd);
  }
}

function answer(message: Answer): void {
  if (process.connected) process.send?.(message);
}
