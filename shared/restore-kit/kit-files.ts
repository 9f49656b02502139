import { readFile } from 'node:fs/promises';
import { BwError } from '../errors/bw-error.js';

export interface KitFile {
  readonly name: string;
  readonly bytes: Buffer;
}

const NAMES = ['README.txt', 'bw-restore.sh'] as const;

/** Beside this module (run from source), or in the source tree of the installation (run from dist/shared/restore-kit/). */
const PLACES = ['./', '../../../shared/restore-kit/'] as const;

/** The fixed files of the kit. Throws RESTORE_KIT_MISSING; `moduleUrl` is for tests. */
export async function kitFiles(moduleUrl: string = import.meta.url): Promise<KitFile[]> {
  return Promise.all(NAMES.map(async (name) => ({ name, bytes: await readKitFile(name, moduleUrl) })));
}

async function readKitFile(name: string, moduleUrl: string): Promise<Buffer> {
  const causes: unknown[] = [];
  for (const place of PLACES) {
    try {
      return await readFile(new URL(place + name, moduleUrl));
    } catch (thrown) {
      causes.push(thrown);
    }
  }
  throw new BwError('RESTORE_KIT_MISSING', {
    message: 'a file of the restore kit is not part of this installation',
    retry: 'operator',
    subject: name,
    hint: 'Install bw-bkup completely: shared/restore-kit/ belongs beside dist/.',
    cause: new AggregateError(causes),
  });
}
