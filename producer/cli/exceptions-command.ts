import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { EXIT } from '../../shared/errors/exit-codes.js';
import { showPath } from '../../shared/paths/byte-path.js';
import { fromPathJson } from '../../shared/paths/path-json.js';
import { exceptionLineOutput } from './outputs.js';
import { print } from './print.js';
import { openSite, type CommonOptions } from './site.js';

/** `bw-bkup exceptions BACKUP`: every path that could not be saved as it was, and why. Exit 0 when there is none, else 3. */
export async function exceptionsCommand(backup: string, options: CommonOptions): Promise<number> {
  const site = await openSite(options, { directories: 'skip', component: 'cli' });
  const manifest = await site.catalog.findBackup(backup);
  if (manifest.exceptions === null) {
    if (options.json !== true) print(`Backup ${manifest.backupId} has no exceptions.`);
    return EXIT.ok;
  }
  const lines = createInterface({ input: createReadStream(site.catalog.file(manifest, manifest.exceptions)), crlfDelay: Infinity });
  for await (const line of lines) {
    const { path, reason, detail } = exceptionLineOutput.parse(JSON.parse(line));
    print(options.json === true ? line : `${showPath(fromPathJson(path))}: ${reason}${detail === '' ? '' : ` (${detail})`}`);
  }
  return EXIT.exceptions;
}
