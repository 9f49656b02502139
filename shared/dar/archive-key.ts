import type { DarConfig } from '../config/config.js';

/** Settings for reading an archive: a passphrase only for one that has one. dar fails at a plain archive it is given a passphrase for ("Invalid length", 2.7.8). */
export function archiveKey(dar: DarConfig, archive: { readonly keyId: string | null }): DarConfig {
  return archive.keyId === null && dar.encryption !== null ? { ...dar, encryption: null } : dar;
}
