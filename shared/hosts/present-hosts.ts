import type { Queue } from 'bullmq';

/** Hosts whose workers are connected to the backup queue. Workers are called `HOST/QUEUE...`. */
export async function presentHosts(backup: Pick<Queue, 'getWorkers'>): Promise<Set<string>> {
  const workers = await backup.getWorkers();
  return new Set(workers.flatMap(({ rawname = '' }) => /:w:([^/]+)\//.exec(rawname)?.[1] ?? []));
}
