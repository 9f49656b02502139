import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';

/** Set by --profile: the profiles of every measured run of the product go there, for Chrome's developer tools. */
let profileDir: string | null = null;
let made = 0;

export function keepProfilesIn(dir: string): void {
  profileDir = dir;
}

/** Does `work`, and keeps a CPU profile of this process meanwhile if that was asked for. */
export async function profiled<T>(work: () => Promise<T>): Promise<T> {
  if (profileDir === null) return work();
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    const result = await work();
    const { profile } = await session.post('Profiler.stop');
    made += 1;
    await writeFile(join(profileDir, `run-${made}.cpuprofile`), JSON.stringify(profile));
    return result;
  } finally {
    session.disconnect();
  }
}
