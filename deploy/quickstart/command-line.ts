import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { BwError } from '../../shared/errors/bw-error.js';
import { fromPathJson, pathJsonSchema } from '../../shared/paths/path-json.js';
import { run, runAttached, type Command, type ExitStatus } from '../../shared/process/index.js';
import type { Site } from './site.js';

/** This file is dist/deploy/quickstart/command-line.js when it runs. */
export const BW_BKUP = fileURLToPath(new URL('../../bin/bw-bkup.js', import.meta.url));

const count = z.number().int().nonnegative();
const backupSchema = z.looseObject({
  backupId: z.string(),
  basepathId: z.string(),
  path: pathJsonSchema.transform(fromPathJson),
  level: z.string(),
  outcome: z.string(),
  durationMs: count,
  records: count,
  sourceBytes: z.string(),
  archiveBytes: z.string(),
  archives: count,
  slices: count,
  exceptions: count,
});

/** What the quickstart reads of `bw-bkup backups --json` (documented with the command). */
const backupsSchema = z.looseObject({ v: z.literal(1), backups: z.array(backupSchema) });
export type SealedBackup = z.output<typeof backupSchema>;

/** The command line as any operator uses it: the quickstart proves that, not our insides. */
export function bwBkup(site: Site, ...args: readonly string[]): Command {
  const passed = ['TERM', 'NO_COLOR'].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]));
  return { program: BW_BKUP, args: [...args, '--config', site.configFile], env: Object.fromEntries(passed) };
}

/** Runs one command with the terminal for itself, so that its progress is seen. */
export function runShown(site: Site, ...args: readonly string[]): Promise<ExitStatus> {
  return runAttached(bwBkup(site, ...args));
}

/** All sealed backups. Throws PROGRAM_FAILED, QUICKSTART_OUTPUT. */
export async function listBackups(site: Site): Promise<SealedBackup[]> {
  const { stdout } = await run(bwBkup(site, 'backups', '--json'));
  try {
    return backupsSchema.parse(JSON.parse(stdout.toString('utf8'))).backups;
  } catch (cause) {
    throw new BwError('QUICKSTART_OUTPUT', {
      message: '`bw-bkup backups --json` printed something else than documented',
      retry: 'permanent',
      hint: 'This is a fault in bw-bkup: report it with the text below.',
      detail: stdout.toString('utf8').slice(0, 1000),
      cause,
    });
  }
}
