import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { carryOut } from '../../../../../producer/cli/doctor/carry-out.js';
import type { Check } from '../../../../../producer/cli/doctor/checks.js';
import { ok } from '../../../../../producer/cli/doctor/finding.js';
import { roundTrip } from '../../../../../producer/cli/doctor/round-trip.js';
import { BwError } from '../../../../../shared/errors/bw-error.js';
import { isDoctorLeftover, newDoctorObject } from '../../../../../shared/transfer/doctor-objects.js';
import { faultyBackend, type Fault } from '../../../../conformance/faulty-backend.js';
import { MemoryBackend } from '../../../../conformance/memory-backend.js';
import { posixLts } from '../../../../helpers/posix-lts.js';
import { workspace } from '../../../../helpers/workspace.js';

const never = new AbortController().signal;

async function places() {
  const dir = await workspace();
  for (const name of ['lts', 'staging']) await mkdir(join(dir, name));
  return { lts: join(dir, 'lts'), staging: join(dir, 'staging'), host: join(dir, 'staging', 'here') };
}

describe('a round trip', () => {
  it('goes there and back, and leaves nothing', async () => {
    const { lts, host } = await places();
    const trip = await roundTrip(posixLts(lts), { dir: host, group: null }, never);
    expect(trip.failed).toBeNull();
    expect(trip.steps.map(({ name }) => name)).toEqual(['probe', 'put', 'verify', 'get', 'compare', 'delete']);
    expect(trip.freeBytes).toBeGreaterThan(0);
    expect([await readdir(lts), await readdir(host)]).toEqual([[], []]);
  });

  it.each<[Fault, string, string]>([
    ['flip', 'put', 'TRANSFER_VERIFY_MISMATCH'],
    ['lost', 'put', 'TRANSFER_VERIFY_MISMATCH'],
    ['no-space', 'put', 'TRANSFER_NO_SPACE'],
    ['silent', 'put', 'TRANSFER_VERIFY_MISMATCH'],
  ])('%s: tells where, and leaves nothing', async (fault, step, code) => {
    const { lts, host } = await places();
    const { failed } = await roundTrip(faultyBackend(posixLts(lts), () => fault), { dir: host, group: null }, never);
    expect(failed).toMatchObject({ step, error: { code } });
    expect([await readdir(lts), await readdir(host)]).toEqual([[], []]);
  });

  it('works where transfers are tasks, and notices what stays', async () => {
    const { host } = await places();
    const backend = new MemoryBackend();
    expect((await roundTrip(backend, { dir: host, group: null }, never)).failed).toBeNull();
    expect(backend.objects.size).toBe(0);
    backend.remove = () => Promise.resolve();
    expect((await roundTrip(backend, { dir: host, group: null }, never)).failed).toMatchObject({ step: 'delete', error: { code: 'DOCTOR_MISMATCH' } });
  });

  it('makes no staging where none is', async () => {
    const { lts, staging, host } = await places();
    await rm(staging, { recursive: true });
    expect((await roundTrip(posixLts(lts), { dir: host, group: null }, never)).failed).toMatchObject({ step: 'put', error: { code: 'DIRECTORY_NOT_WRITABLE', subject: staging } });
    await expect(readdir(staging)).rejects.toThrow('ENOENT');
  });
});

describe('a check', () => {
  const check = (look: Check['look']): Check => ({ area: 'dar', subject: 'dar', timeoutMs: 5, look });

  it('that throws has failed, with what to do', async () => {
    expect(await carryOut(check(() => Promise.resolve(ok('fine'))))).toMatchObject({ area: 'dar', subject: 'dar', state: 'ok', message: 'fine' });
    const failing = check(() => Promise.reject(new BwError('DAR_MISSING', { message: 'no dar', retry: 'operator', hint: 'Install it.', subject: '/x' })));
    expect(await carryOut(failing)).toMatchObject({ state: 'fail', message: 'DAR_MISSING: no dar [/x]', hint: 'Install it.' });
  });

  it('that hangs is told to stop, and left behind', async () => {
    const hung = { state: 'fail', message: 'no answer within 0.005 s' };
    expect(await carryOut(check(() => new Promise(() => undefined)), 1)).toMatchObject(hung);
    const stopping = check((signal) => new Promise((resolve) => { signal.addEventListener('abort', () => { resolve(ok('stopped')); }); }));
    expect(await carryOut(stopping)).toMatchObject(hung);
  });
});

it('what a killed doctor left is known by its name, after a day', () => {
  const made = newDoctorObject(1_000_000_000_000);
  expect(made).toMatch(/^doctor\/[0-9A-Z]{26}$/);
  const day = 86_400_000;
  expect([1, day, day + 1].map((ms) => isDoctorLeftover(made, 1_000_000_000_000 + ms))).toEqual([false, false, true]);
  expect(['doctor/x', 'doctor', made.slice(7), `x/${made}`, `${made}/y`].map((object) => isDoctorLeftover(object, Number.MAX_SAFE_INTEGER))).toEqual([false, false, false, false, false]);
});
