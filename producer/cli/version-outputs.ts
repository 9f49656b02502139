import { z } from 'zod';
import { pathJsonSchema } from '../../shared/paths/path-json.js';

/** What `--json` of find, history and diff prints, one line each (NDJSON); as in outputs.ts. */
const instant = z.iso.datetime();
const bigCount = z.string().regex(/^\d+$/);
const state = z.enum(['saved', 'kept', 'removed', 'absent', 'not-saved']);

export const findLine = z.strictObject({
  basepathId: z.string(),
  basepath: pathJsonSchema,
  path: pathJsonSchema,
  type: z.string(),
  size: bigCount,
  mtime: z.string(),
  mode: z.string(),
  uid: z.string(),
  gid: z.string(),
  flags: z.string(),
  versions: z.number().int().positive(),
  state,
  backupId: z.string(),
  capturedAt: instant,
  since: instant,
  goneSince: instant.nullable(),
});

export const historyLine = z.strictObject({
  basepathId: z.string(),
  basepath: pathJsonSchema,
  path: pathJsonSchema,
  state,
  backupId: z.string(),
  capturedAt: instant,
  lastBackupId: z.string(),
  lastCapturedAt: instant,
  backups: z.number().int().positive(),
  type: z.string().nullable(),
  size: bigCount.nullable(),
  mtime: z.string().nullable(),
  mode: z.string().nullable(),
  uid: z.string().nullable(),
  gid: z.string().nullable(),
  flags: z.string().nullable(),
  heldBy: z.string().nullable(),
  reason: z.string().nullable(),
});

const side = z
  .strictObject({ type: z.string(), size: bigCount, mtime: z.string(), ctime: z.string(), mode: z.string(), uid: z.string(), gid: z.string(), flags: z.string() })
  .nullable();

export const diffLine = z.strictObject({
  path: pathJsonSchema,
  change: z.enum(['added', 'removed', 'changed']),
  fields: z.array(z.string()),
  before: side,
  after: side,
});
