import type { Facts, PathFact } from './facts.js';
import type { Place, Places } from './places.js';
import type { Finding } from './problems.js';

/** Rules on directories. `facts` is empty where the filesystem was not looked at: paths are then compared as written. */
export function judgePlaces(places: Places, allowedTargets: readonly string[], facts: Facts): Finding[] {
  const real = (place: Place): string => facts.get(place.path)?.real ?? place.path;
  return [
    ...[...places.topdirs, ...places.stores].flatMap((place) => unusable(place, facts.get(place.path))),
    ...places.snapshots.flatMap((place) => (place.madeByHook && facts.get(place.path)?.kind === 'missing' ? [] : unusable(place, facts.get(place.path)))),
    ...places.secrets.flatMap((place) => badSecret(place, facts.get(place.path))),
    ...pairs(places.topdirs).flatMap(([a, b]) => overlap(a, b, real)),
    ...selfBackups(places, real),
    ...pairs(places.stores).flatMap(([a, b]) => mixedStores(a, b, real)),
    ...targetsInStores(places, allowedTargets, real),
  ];
}

function unusable(place: Place, fact: PathFact | undefined): Finding[] {
  if (fact === undefined) return [];
  const say = (problem: string, remedy: string): Finding[] => [{ key: place.key, value: place.path, problem, remedy }];
  if (fact.kind === 'missing' && place.role === 'read') return say('does not exist', 'Mount it or correct the path.');
  // Never made by us: below a filesystem that is not mounted it would be made in the wrong place.
  if (fact.kind === 'missing') return say('does not exist', `Mount its filesystem, or: mkdir -m 700 ${place.path}`);
  if (fact.kind === 'unreachable') return say(`cannot be reached (${fact.failure ?? 'no reason'})`, 'Look at the mount, and at the permissions of the directories above it.');
  if (fact.kind !== 'directory') return say('is not a directory', 'Name a directory.');
  if (fact.failure !== null) return say(`cannot be ${place.role === 'read' ? 'read' : 'written'} (${fact.failure})`, failureRemedy(place, fact.failure));
  if (place.role !== 'read' && (fact.mode & 0o002) !== 0) return say('can be written by everybody', `chmod 700 ${place.path}`);
  return [];
}

function failureRemedy(place: Place, failure: string): string {
  if (failure === 'EROFS') return 'Mount it read-write.';
  if (failure === 'ENOSPC' || failure === 'EDQUOT') return 'Free space or raise the quota.';
  if (place.role === 'catalog' && ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(failure)) return 'Choose a filesystem with hard links: sealing a backup is one link.';
  return place.role === 'read' ? 'Run as a user who can read it (root, not squashed).' : `Give it to the user bw-bkup runs as: chown USER ${place.path}`;
}

function badSecret(place: Place, fact: PathFact | undefined): Finding[] {
  if (fact === undefined) return [];
  const say = (problem: string, remedy: string): Finding[] => [{ key: place.key, value: place.path, problem, remedy }];
  if (fact.kind === 'missing') return say('does not exist', 'Create it with mode 0600, or correct the path.');
  if (fact.kind !== 'file') return say('is not a file', 'Name a file.');
  if (fact.failure !== null) return say(`cannot be read (${fact.failure})`, `Give it to the user bw-bkup runs as: chown USER ${place.path}`);
  const open = (fact.mode & 0o077) === 0 ? [] : say(`can be used by others (mode 0${fact.mode.toString(8)})`, `chmod 600 ${place.path}`);
  return fact.secret === '' ? [...open, ...say('is empty', 'Write the secret into its first line.')] : open;
}

function overlap(a: Place, b: Place, real: (place: Place) => string): Finding[] {
  if (real(a) === real(b)) return [{ key: b.key, value: b.path, problem: `is the same directory as ${a.key} ${JSON.stringify(a.path)}`, remedy: 'Name each topdir once.' }];
  const [outer, inner] = isInside(real(b), real(a)) ? [a, b] : [b, a];
  if (!isInside(real(inner), real(outer))) return [];
  return [{ key: inner.key, value: inner.path, problem: `lies inside ${outer.key} ${JSON.stringify(outer.path)} and would be saved twice`, remedy: 'Keep one of them; use depth or exclude for the difference.' }];
}

function selfBackups({ topdirs, snapshots, stores }: Places, real: (place: Place) => string): Finding[] {
  return stores.flatMap((store) =>
    [...topdirs, ...snapshots].flatMap((source): Finding[] => {
      if (isInside(real(store), real(source)) || real(store) === real(source)) {
        return [{ key: store.key, value: store.path, problem: `lies inside ${source.key} ${JSON.stringify(source.path)}: backups would be backed up`, remedy: 'Put it outside of every topdir.' }];
      }
      if (!isInside(real(source), real(store)) || store.key === 'state.dir') return [];
      return [{ key: source.key, value: source.path, problem: `lies inside ${store.key} ${JSON.stringify(store.path)}, which bw-bkup cleans up`, remedy: `Give ${store.key} a directory of its own.` }];
    }),
  );
}

/** Staging is swept and LTS is listed, so nothing else may live in them; below the state directory others may. */
function mixedStores(a: Place, b: Place, real: (place: Place) => string): Finding[] {
  if (real(a) === real(b)) return [{ key: b.key, value: b.path, problem: `is the same directory as ${a.key}`, remedy: 'Give each a directory of its own.' }];
  const [outer, inner] = isInside(real(b), real(a)) ? [a, b] : [b, a];
  if (!isInside(real(inner), real(outer)) || outer.key === 'state.dir') return [];
  return [{ key: inner.key, value: inner.path, problem: `lies inside ${outer.key} ${JSON.stringify(outer.path)}`, remedy: 'Give each a directory of its own, side by side.' }];
}

function targetsInStores({ stores }: Places, targets: readonly string[], real: (place: Place) => string): Finding[] {
  return targets.flatMap((target) =>
    stores
      .filter((store) => target === store.path || isInside(target, store.path) || target === real(store) || isInside(target, real(store)))
      .map((store) => ({ key: 'restore.allowedTargets', value: target, problem: `lies inside ${store.key} ${JSON.stringify(store.path)}`, remedy: 'Restore to a directory outside of the backups.' })),
  );
}

function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a, index) => items.slice(index + 1).map((b): [T, T] => [a, b]));
}

function isInside(path: string, dir: string): boolean {
  return path !== dir && path.startsWith(dir === '/' ? '/' : `${dir}/`);
}
