import { z } from 'zod';
import { BwError } from '../../errors/bw-error.js';

/** What `rclone backend features` says of a remote. */
export const featuresSchema = z.object({
  /** Of the remote; for one that leads to a local directory, `local`. */
  Name: z.string(),
  Hashes: z.array(z.string()).nullable(),
  Features: z.object({
    About: z.boolean(),
    BucketBased: z.boolean(),
    Copy: z.boolean(),
    Move: z.boolean(),
  }),
});

export type Features = z.infer<typeof featuresSchema>;

export const HASHES = ['sha256', 'sha1', 'md5'] as const;
export type HashName = (typeof HASHES)[number];

/** How objects are put to a remote and proven there. */
export interface RemoteFacts {
  /** Computed by the far end from what it holds; null = objects are read back. */
  readonly hash: HashName | null;
  /** An object appears when it is complete: no part names are needed, and there are no directories. */
  readonly atomicPuts: boolean;
  readonly about: boolean;
  /** Objects may be archived (S3 Glacier) and recalled by `backend restore`. */
  readonly restore: boolean;
}

/**
 * Types whose hash is made from the bytes they hold. Others keep what the sender claimed (an object of several parts on S3, webdav, azure), which proves nothing: those are read back.
 */
const OWN_HASH: ReadonlySet<string> = new Set(['local', 'sftp', 'drive', 'google cloud storage', 'box']);

/** What is done with a remote of this type (pure). Throws RCLONE_UNSUITABLE where an object could only be uploaded under its final name, half of it. */
export function factsOf({ Hashes, Features }: Features, type: string, lts: string): RemoteFacts {
  if (!Features.BucketBased && !Features.Move && !Features.Copy) {
    throw new BwError('RCLONE_UNSUITABLE', {
      message: 'this kind of remote can neither rename nor copy an object, so that a half-written one would bear its final name',
      retry: 'operator',
      subject: `type ${type}`,
      lts,
      hint: 'Use another kind of remote (sftp, ftp, webdav, local, or any object store), or another backend.',
    });
  }
  const hash = OWN_HASH.has(type) ? (HASHES.find((name) => Hashes?.includes(name) === true) ?? null) : null;
  return { hash, atomicPuts: Features.BucketBased, about: Features.About, restore: type === 's3' };
}

/** The type of a remote in what `rclone listremotes --long` prints (`name:   type`); null = it does not name it (pure). */
export function typeOfRemote(listing: string, name: string): string | null {
  for (const line of listing.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0 && line.slice(0, at) === name) return line.slice(at + 1).trim();
  }
  return null;
}
