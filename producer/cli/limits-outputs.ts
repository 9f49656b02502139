import { z } from 'zod';

/** What `limits`, `limits set` and `limits unset` print with --json; documented in README.md, checked by a test. */
export const limitsOutput = z.strictObject({
  v: z.literal(1),
  limits: z.array(
    z.strictObject({
      key: z.string(),
      /** As it is written; `none` = no limit. */
      value: z.string(),
      source: z.enum(['config', 'set']),
      /** null: all of them. */
      host: z.string().nullable(),
      topdir: z.string().nullable(),
      lts: z.string().nullable(),
      until: z.iso.datetime().nullable(),
      setAt: z.iso.datetime().nullable(),
      user: z.string().nullable(),
    }),
  ),
});
