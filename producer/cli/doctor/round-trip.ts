import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BwError } from '../../../shared/errors/bw-error.js';
import { shareDirectory, shareFile } from '../../../shared/files/share.js';
import type { TransferBackend, TransferItem } from '../../../shared/transfer/backend.js';
import { newDoctorObject } from '../../../shared/transfer/doctor-objects.js';
import { sendItems } from '../../../shared/transfer/engine.js';

/** Small enough for every link, more than a disk block or a packet. */
const BYTES = 100_000;

/** What a step took, ms. */
export interface Step {
  readonly name: 'probe' | 'put' | 'verify' | 'get' | 'compare' | 'delete';
  readonly ms: number;
}

export interface Trip {
  readonly steps: readonly Step[];
  readonly freeBytes: number | null;
  /** Of the step that failed, and which. */
  readonly failed: { readonly step: Step['name']; readonly error: unknown } | null;
}

/** This host's part of staging, and the group that staging.group lets in. */
export interface StagingPlace {
  readonly dir: string;
  readonly group: number | null;
}

/**
 * Brings a small object to an LTS the way slices go, has it proven, gets it back, compares it and removes it again, also when a step fails. It passes through staging,
 * where the programs and services that transfer may read and write.
 */
export async function roundTrip(backend: TransferBackend, { dir, group }: StagingPlace, signal: AbortSignal, now: () => number = Date.now): Promise<Trip> {
  const object = newDoctorObject(now());
  const place = join(dir, `doctor-${basename(object)}`);
  const content = randomBytes(BYTES);
  const item: TransferItem = { object, file: join(place, 'sent'), bytes: BYTES, sha512: createHash('sha512').update(content).digest('hex') };
  const steps: Step[] = [];
  const found: { freeBytes: number | null } = { freeBytes: null };
  const options = { signal };
  const work: readonly (readonly [Step['name'], () => Promise<unknown>])[] = [
    ['probe', async () => { found.freeBytes = (await backend.probe()).freeBytes; }],
    ['put', () => put(backend, item, { dir: place, group }, content, signal)],
    ['verify', async () => { requireThat(await backend.verify(item, options), 'match'); }],
    ['get', () => backend.fetch({ ...item, file: join(place, 'fetched') }, options)],
    ['compare', async () => { requireThat((await readFile(join(place, 'fetched'))).equals(content) ? 'the same' : 'something else', 'the same'); }],
    ['delete', async () => {
      await backend.remove([object]);
      requireThat((await backend.stat(object)) === null ? 'gone' : 'still there', 'gone');
    }],
  ];
  try {
    for (const [name, act] of work) {
      const startedAt = performance.now();
      try {
        signal.throwIfAborted();
        await act();
      } catch (error) {
        if (name !== 'probe') await backend.remove([object]).catch(() => undefined); // what cannot be removed now is swept after a day
        return { steps, freeBytes: found.freeBytes, failed: { step: name, error } };
      }
      steps.push({ name, ms: Math.round(performance.now() - startedAt) });
    }
    return { steps, freeBytes: found.freeBytes, failed: null };
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function put(backend: TransferBackend, item: TransferItem, place: StagingPlace, content: Uint8Array, signal: AbortSignal): Promise<void> {
  await makePlace(place);
  await writeFile(item.file, content, { mode: 0o600 });
  if (place.group !== null) await shareFile(item.file, place.group);
  const [result] = await sendItems({ backend, items: [item], key: await backend.prepare([item]), signal });
  if (result?.error !== undefined) throw result.error;
}

/** Staging itself is never made: below a mount point that is not mounted it would be made in the wrong place. */
async function makePlace({ dir: place, group }: StagingPlace): Promise<void> {
  try {
    for (const dir of [dirname(place), place]) {
      await mkdir(dir, { mode: 0o700 }).catch((thrown: unknown) => {
        if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown;
      });
      if (group !== null) await shareDirectory(dir, group, dir === place ? 'putting' : 'reaching');
    }
  } catch (cause) {
    if (cause instanceof BwError) throw cause;
    throw new BwError('DIRECTORY_NOT_WRITABLE', {
      message: 'staging, where the object for the round trip would be made, is missing or not writable',
      retry: 'operator',
      subject: dirname(dirname(place)),
      hint: 'See the check of this directory.',
      cause,
    });
  }
}

function requireThat(found: string, wanted: string): void {
  if (found === wanted) return;
  throw new BwError('DOCTOR_MISMATCH', {
    message: `expected: ${wanted}; found: ${found}`,
    retry: 'operator',
    hint: 'This storage does not give back what it was given: send nothing there before that is understood.',
  });
}
