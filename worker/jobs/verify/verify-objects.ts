import { storedFiles } from '../../../shared/catalog/manifest-codec.js';
import type { Manifest, ManifestArchive, ManifestSlice, ObjectLocation } from '../../../shared/catalog/manifest.js';
import { mapLimited } from '../../../shared/catalog/map-limited.js';
import { archiveKey, testArchive } from '../../../shared/dar/index.js';
import type { TransferBackend } from '../../../shared/transfer/backend.js';
import { itemAt } from '../../../shared/transfer/fetch-items.js';
import { sampleOf } from '../../../shared/verify/sample.js';
import { configuredTopdir } from '../../context.js';
import { fetchedBytes } from '../../../shared/restore/room.js';
import { openArchive } from '../restore/open-archive.js';
import { noting } from './findings.js';
import type { Verification } from './verification.js';

/** Questions to a storage at a time. */
const AT_ONCE = 8;

/** Everything the chain names is in the catalog with its hash, and in every configured LTS with its size. */
export async function checkPresence({ context, chain, findings, signal }: Verification): Promise<void> {
  for (const manifest of chain) {
    for (const { name, problem, detail } of await context.catalog.checkBackup(manifest)) findings.add(`catalog ${manifest.backupId}/${name}`, `${problem}: ${detail}`);
    const named = [...manifest.archives.flatMap(({ slices }) => slices), ...storedFiles(manifest)];
    await mapLimited(named, AT_ONCE, async (part) => {
      signal.throwIfAborted();
      const copies = copiesOf(context.backends, part.locations);
      // Our own files have no place of their own where they are bundled after the seal.
      const isBundled = Object.keys(part.locations).length === 0;
      if (copies.length === 0 && !isBundled) findings.add(part.name, 'no configured long-term storage has it');
      for (const { backend, location } of copies) {
        findings.objects += 1;
        const there = await backend.stat(location.object);
        if (there === null) findings.add(`${backend.name}:${location.object}`, 'it is not there');
        else if (there.bytes < location.offset + part.bytes) findings.add(`${backend.name}:${location.object}`, `${there.bytes} bytes are there, ${part.bytes} were stored`);
      }
    });
  }
}

/** A sample of the slices, each copy by itself, by the strongest means its storage has. */
export async function checkHashes({ context, chain, job, findings, readable, isTape, signal }: Verification): Promise<void> {
  const slices = chain.flatMap(({ archives }) => archives.flatMap((archive) => archive.slices));
  const copies = slices.flatMap((slice) => copiesOf(readable, slice.locations).map((copy) => ({ ...copy, slice })));
  for (const { backend, location, slice } of sampleOf(copies, (copy) => `${copy.backend.name}:${copy.location.object}:${copy.location.offset}`, job.samplePercent, job.seed)) {
    signal.throwIfAborted();
    // A part of a bundle that its storage cannot hash is read when its archive is.
    const canRead = location.offset === 0 || backend.capabilities().rangeRead === true;
    if (!canRead) continue;
    const verdict = await backend.verify(itemAt(location, slice), { signal });
    findings.read(slice.bytes, isTape(backend.name));
    if (verdict !== 'match') findings.add(`${backend.name}:${location.object}`, verdict === 'missing' ? 'it is not there' : `its content is not what was stored (${verdict})`);
    await context.runs.reportPart(job.verifyId, 'hash', { entries: findings.readObjects, doneBytes: findings.readBytes, archiveBytes: 0 });
  }
}

/** A sample of the archives: every slice against its hash, then all of it by `dar -t`. */
export async function checkArchives(verification: Verification): Promise<void> {
  const { chain, job } = verification;
  const archives = chain.flatMap((manifest) => manifest.archives.map((archive) => ({ manifest, archive })));
  for (const each of sampleOf(archives, ({ archive }) => archive.name, job.samplePercent, job.seed)) await checkArchive(verification, each);
}

interface Archived {
  readonly manifest: Manifest;
  readonly archive: ManifestArchive;
}

/** All slices of it are in staging at a time: that room is reserved before. Throws STAGING_TOO_SMALL. */
async function checkArchive(verification: Verification, archived: Archived): Promise<void> {
  const { context, job, reading, signal } = verification;
  signal.throwIfAborted();
  const bytes = fetchedBytes(archived.archive, reading.backends);
  const release = bytes === 0 ? () => undefined : await context.staging.reserve(bytes, { owner: job.verifyId, kind: 'verify', signal });
  try {
    await testFetched(verification, archived);
  } finally {
    await context.staging.removeStart(job.verifyId, archived.manifest.backupId).finally(release);
  }
}

async function testFetched({ context, job, findings, reading, signal, isTape }: Verification, { manifest, archive }: Archived): Promise<void> {
  const dir = `${job.verifyId}/${manifest.backupId}`;
  await noting(findings, archive.name, async () => {
    const base = await openArchive(reading, archive, dir, signal);
    const secretsDir = await context.staging.createStart(job.verifyId, `${archive.key}-test`);
    await testArchive(base, archiveKey(configuredTopdir(context.config, manifest.source.topdir).dar, archive), { secretsDir, signal });
  });
  noteRead(findings, archive.slices, reading.backends, isTape);
}

/** What opening an archive reads: every slice from the first storage that has it. */
export function noteRead(findings: Verification['findings'], slices: readonly ManifestSlice[], backends: readonly TransferBackend[], isTape: (lts: string) => boolean): void {
  for (const slice of slices) {
    const from = backends.find(({ name }) => slice.locations[name] !== undefined);
    if (from !== undefined) findings.read(slice.bytes, isTape(from.name));
  }
}

function copiesOf(backends: readonly TransferBackend[], locations: Readonly<Record<string, ObjectLocation>>): { backend: TransferBackend; location: ObjectLocation }[] {
  return backends.flatMap((backend) => {
    const location = locations[backend.name];
    return location === undefined ? [] : [{ backend, location }];
  });
}
