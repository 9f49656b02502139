import type { Settings } from './parse-settings.js';
import type { Finding } from './problems.js';

/** What a Globus LTS needs, and that nothing is asked of it which it cannot do. */
export function badGlobus({ host, site, lts }: Settings): Finding[] {
  return lts.flatMap(({ backend, bandwidth, globus }, index): Finding[] => {
    const key = `lts[${index}]`;
    const { collection, clientId, secretFile, sources } = globus;
    if (backend !== 'globus') {
      if (collection === null) return [];
      return [{ key: `${key}.globus.collection`, value: collection, problem: `is given, but the backend is ${backend}`, remedy: 'Write `backend: globus`, or remove it.' }];
    }
    const missing = ([['collection', collection], ['clientId', clientId], ['secretFile', secretFile]] as const).filter(([, value]) => value === null);
    return [
      ...missing.map(([name]) => ({ key: `${key}.globus.${name}`, value: null, problem: 'is missing beside backend globus', remedy: REMEDIES[name] })),
      ...(bandwidth === null ? [] : [{ key: `${key}.bandwidth`, value: String(bandwidth), problem: 'cannot be kept: Globus moves the data, and has no limit per task', remedy: 'Remove it, and limit the collection (its endpoint\'s network use), or maxTasks.' }]),
      ...unseenStaging(`${key}.globus.sources`, site.staging.dir, host, sources),
    ];
  });
}

const REMEDIES = {
  collection: 'Give the id of the guest collection that has `dir` (app.globus.org/collections).',
  clientId: 'Register a service account at developers.globus.org, and give its client id.',
  secretFile: 'Give the file (mode 0600) that holds the client secret.',
} as const;

function unseenStaging(key: string, staging: string | null, host: string, sources: readonly { readonly host: string | null; readonly dir: string }[]): Finding[] {
  const isSeen = sources.some((source) => (source.host === null || source.host === host) && `${staging ?? ''}/`.startsWith(source.dir.endsWith('/') ? source.dir : `${source.dir}/`));
  if (isSeen || staging === null) return [];
  const remedy = `Add {host: ${host}, dir: ${staging}, collection: UUID, path: PATH THERE}; without host it is for all.`;
  return [{ key, value: sources.length === 0 ? null : sources.map(({ dir }) => dir).join(', '), problem: `has no entry for staging.dir (${staging}) on ${host}`, remedy }];
}
