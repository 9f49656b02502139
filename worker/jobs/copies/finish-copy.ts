import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeCopyRecord, type CopyRecord } from '../../../shared/catalog/index.js';
import { recordObject } from '../../../shared/copies/named.js';
import { renderArchivesTsv, renderSha512Sums } from '../../../shared/restore-kit/index.js';
import { uploadFiles, type Upload } from '../backup/upload-files.js';
import type { Copying } from './copy-job.js';
import { forgetLost } from './forget-sent.js';

/**
 * What makes a copy one that an LTS alone can be restored from: what a shell needs, the records that say where parts lie that the manifest does not place there, and the manifest
 * itself, as it was sealed, last. Repeating it has no further effect. `last`: the record that is about to be put into the catalog.
 */
export async function finishCopy(copying: Copying, last: CopyRecord | null): Promise<void> {
  const { context, manifest, target, copyId, run } = copying;
  const { basepathId, backupId } = manifest;
  const dir = await context.staging.createStart(copyId, 'own');
  const prefix = `${basepathId}/${backupId}`;
  const own = async (name: string, content: string | Buffer): Promise<Upload> => {
    const bytes = Buffer.from(content);
    const sha512 = createHash('sha512').update(bytes).digest('hex');
    const object = name === '' ? recordObject(prefix, sha512) : `${prefix}/${name}`;
    const path = join(dir, object.slice(object.lastIndexOf('/') + 1));
    await writeFile(path, bytes, { mode: 0o600 });
    return { file: { name, bytes: bytes.length, sha512 }, path, object };
  };
  const records = [...(await context.catalog.copyRecords(basepathId, backupId)).filter(({ lts }) => lts === target.name), ...(last === null ? [] : [last])];
  const helpers = [await own('archives.tsv', renderArchivesTsv(manifest)), await own('SHA512SUMS', renderSha512Sums(manifest))];
  const first = [...helpers, ...(await Promise.all(records.map((record) => own('', encodeCopyRecord(record)))))];
  const sealed = await own('manifest.json', await context.catalog.manifestBytes(basepathId, backupId));
  await forgetLost(copying, [...first, sealed].map(({ object }) => object));
  const key = `${backupId}-copy-${copyId}`;
  await uploadFiles(context, target, key, first, run.signal);
  await uploadFiles(context, target, key, [sealed], run.signal);
}
