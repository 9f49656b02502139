import type { PathRole } from './facts.js';
import type { Settings } from './parse-settings.js';

/** A configured directory or file of this host, and the key that names it. */
export interface Place {
  readonly key: string;
  readonly path: string;
  readonly role: PathRole;
}

export interface Places {
  readonly topdirs: readonly Place[];
  /** Where topdirs are read from instead; made by a hook, so it may not be there yet. */
  readonly snapshots: readonly (Place & { readonly madeByHook: boolean })[];
  /** staging, catalog, state and each LTS that is a directory of this host. */
  readonly stores: readonly Place[];
  readonly secrets: readonly Place[];
}

/** Every path of this host's settings that is given. */
export function placesOf({ site, topdirs, lts }: Settings): Places {
  return {
    topdirs: topdirs.flatMap((topdir, index) => given(`topdirs[${index}].path`, topdir.path, 'read')),
    snapshots: topdirs.flatMap((topdir, index) =>
      given(`topdirs[${index}].readFrom`, topdir.readFrom, 'read').map((place) => ({ ...place, madeByHook: topdir.hooks.before !== null })),
    ),
    stores: [
      ...given('staging.dir', site.staging.dir, 'write'),
      ...given('catalog.dir', site.catalog.dir, 'catalog'),
      ...given('state.dir', site.state.dir, 'write'),
      ...lts.flatMap((store, index) => (store.backend === 'posix' ? given(`lts[${index}].dir`, store.dir, 'write') : [])),
    ],
    secrets: [
      ...given('dar.encryption.keyFile', site.dar.encryption.keyFile, 'secret'),
      ...topdirs.flatMap((topdir, index) =>
        topdir.dar.encryption.keyFile === site.dar.encryption.keyFile ? [] : given(`topdirs[${index}].dar.encryption.keyFile`, topdir.dar.encryption.keyFile, 'secret'),
      ),
      ...given('redis.urlFile', site.redis.urlFile, 'secret'),
      ...given('redis.passwordFile', site.redis.passwordFile, 'secret'),
      ...given('http.tokenFile', site.http.tokenFile, 'secret'),
      ...lts.flatMap(({ gridftp }, index) => (['keyFile', 'proxyFile', 'passwordFile'] as const).flatMap((name) => given(`lts[${index}].gridftp.${name}`, gridftp[name], 'secret'))),
      ...lts.flatMap((store, index) => given(`lts[${index}].rclone.configFile`, store.rclone.configFile, 'secret')),
      ...lts.flatMap((store, index) => given(`lts[${index}].globus.secretFile`, store.globus.secretFile, 'secret')),
    ],
  };
}

function given(key: string, path: string | null, role: PathRole): Place[] {
  return path === null ? [] : [{ key, path, role }];
}
