import { z } from 'zod';

const instant = z.iso.datetime();

/** In `status`: what hung, and what follows from it. */
export const hangsSchema = z.strictObject({
  /** Dars and scans that hung, by basepath and host. `answered`: whether the topdir itself answered there then. `aside`: the host takes no work of the backup queue. */
  hangs: z.array(z.strictObject({ basepathId: z.string(), topdir: z.string(), host: z.string(), at: instant, count: z.number().int().positive(), answered: z.boolean(), aside: z.boolean() })),
  /** Topdirs that nobody reads for now: more hosts hang than may be set aside. */
  incidents: z.array(z.string()),
  /** Basepaths that nobody reads for now: they hang wherever they are read. */
  parkedBasepaths: z.array(z.strictObject({ basepathId: z.string(), topdir: z.string(), hosts: z.array(z.string()), since: instant, until: instant })),
});

export type Hangs = z.infer<typeof hangsSchema>;

/** `basepath unpark`. */
export const unparkOutput = z.strictObject({ v: z.literal(1), basepathId: z.string(), unparked: z.boolean() });
