import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { STAGING_MARK } from '../../../shared/process/strays.js';
import type { StagingAccount } from '../../../worker/staging/account.js';
import { HeldStarts } from '../../../worker/staging/held-starts.js';
import { Staging } from '../../../worker/staging/staging.js';
import { workspace } from '../../helpers/workspace.js';

const UNUSED = Object.create(null) as StagingAccount;

it('keeps what a program still writes to, until the backup ends and it has ended', async () => {
  const staging = new Staging(await workspace(), 'here', UNUSED);
  const dir = await staging.createStart('backup', 's0001-t1-a');
  await writeFile(join(dir, 'slice'), '');
  await staging.createStart('backup', 's0001-t1-b');
  const program = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'], env: { ...process.env, [STAGING_MARK]: dir } });
  onTestFinished(() => { program.kill('SIGKILL'); });
  await once(program, 'spawn');
  expect(await staging.abandonStart('backup', 's0001-t1-a')).toBe(true);
  await staging.removeBackup('backup');
  expect(await readdir(join(staging.root, 'backup'))).toEqual(['s0001-t1-a']);
  program.stdin.end();
  await once(program, 'exit');
  await staging.removeBackup('backup');
  expect(await readdir(staging.root)).toEqual([]);
});

it('does not touch what a program that has ended left of another backup', async () => {
  const staging = new Staging(await workspace(), 'here', UNUSED);
  const dir = await staging.createStart('other', 's0001-t1-a');
  await staging.createStart('backup', 's0001-t1-b');
  const program = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'], env: { ...process.env, [STAGING_MARK]: dir } });
  onTestFinished(() => { program.kill('SIGKILL'); });
  await once(program, 'spawn');
  await staging.holdStrays();
  program.stdin.end();
  await once(program, 'exit');
  await staging.removeStarts('backup', () => true);
  await staging.removeBackup('backup');
  expect(await readdir(join(staging.root, 'other'))).toEqual(['s0001-t1-a']);
});

it('holds a directory as long as it is not known that its program has ended', async () => {
  const dir = await workspace();
  await mkdir(join(dir, 'backup'));
  let answer: (strays: []) => void = () => undefined;
  const stray = { pid: 1, dir: join(dir, 'backup/start'), state: 'D', guarded: false, termPending: false };
  const answers = [Promise.resolve([stray]), new Promise<[]>((resolve) => { answer = resolve; })];
  const held = new HeldStarts(dir, () => answers.shift() ?? Promise.resolve([]));
  expect(await held.look()).toBe(true);
  const released = held.release();
  expect(held.touching('backup')).toEqual(['backup/start']);
  answer([]);
  expect(await released).toEqual(['backup/start']);
  expect(held.touching('backup')).toEqual([]);
});
