import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { ManifestArchive } from '../../../../shared/catalog/manifest.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { kitFiles, refreshKit, renderArchivesTsv, renderBackupsTsv, renderSha512Sums, type BackupRow } from '../../../../shared/restore-kit/index.js';
import { MemoryBackend } from '../../../conformance/memory-backend.js';
import { workspace } from '../../../helpers/workspace.js';

const hash = (digit: string): string => digit.repeat(128);

function archive(name: string, kind: ManifestArchive['kind'], restoreOrder: number, slices = 1): ManifestArchive {
  return {
    key: '1.1',
    name,
    kind,
    restoreOrder,
    entries: 3,
    directoriesWithEa: 4,
    withEa: 4,
    keyId: kind === 'data' ? 'site-2024' : null,
    slices: Array.from({ length: slices }, (_, i) => ({ number: i + 1, name: `${name}.${i + 1}.dar`, bytes: 1, sha512: hash(String(i)), locations: {} })),
    catalogue: kind === 'data' ? { name: `${name}.cat.1.dar`, bytes: 1, sha512: hash('c'), locations: {} } : null,
    dar: { version: '2.7.8', exitCode: 0, host: 'h', wallMs: 0, peakRssBytes: null, bytesPerSecond: 0, filesPerSecond: 0, lastError: null },
  };
}

const row = (path: string, capturedAt: string): BackupRow => ({
  basepathId: 'alice-3f9a2c',
  path: bytePath.of(path),
  backupId: '01JD3Q5ZK4M8T1V7W2X9Y6B0CE',
  level: 'full',
  capturedAt,
  sealedAt: '2024-01-02T00:00:00Z',
  directories: ['alice-3f9a2c/A', 'alice-3f9a2c/B'],
  keyIds: ['k1', 'k2'],
  bundles: [{ directory: 'alice-3f9a2c/A', object: 'bundles/x.tar' }],
});

describe('files of the restore kit', () => {
  it('lists archives in restore order, the metadata archive last', () => {
    const archives = [archive('m', 'metadata', 1), archive('b', 'data', 1, 2), archive('a', 'data', 1), archive('r', 'removals', 0)];
    expect(renderArchivesTsv({ archives }).split('\n')).toEqual([
      '#restoreOrder\tkind\tarchive\tslices\tdirectoriesWithEa\tkeyId',
      '0\tremovals\tr\t1\t4\t-',
      '1\tdata\ta\t1\t4\tsite-2024',
      '1\tdata\tb\t2\t4\tsite-2024',
      '1\tmetadata\tm\t1\t4\t-',
      '',
    ]);
  });

  it('sums every slice and catalogue in the format of coreutils', () => {
    const archives = [archive('b', 'data', 1, 2), archive('m', 'metadata', 2)];
    expect(renderSha512Sums({ archives })).toBe(
      `${hash('0')}  b.1.dar\n${hash('1')}  b.2.dar\n${hash('c')}  b.cat.1.dar\n${hash('0')}  m.1.dar\n`,
    );
  });

  it('lists backups by path, one printable line each whatever the path holds', () => {
    const lines = renderBackupsTsv([row('/u/b', '2'), row('/u/a\n\t\xff', '2'), row('/u/b', '1')]).split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[1]).toBe(
      'alice-3f9a2c\t/u/a\\x0a\\x09\\xff\t01JD3Q5ZK4M8T1V7W2X9Y6B0CE\tfull\t2\t2024-01-02T00:00:00Z\talice-3f9a2c/A alice-3f9a2c/B\tk1 k2',
    );
    expect(lines.slice(2, 4).map((line) => line.split('\t')[4])).toEqual(['1', '2']);
  });

  it('is written to a storage, again and again', async () => {
    const backend = new MemoryBackend();
    await refreshKit(backend, []);
    await refreshKit(backend, [row('/u/a', '1')]);
    expect([...backend.objects.keys()].sort()).toEqual(['restore-kit/README.txt', 'restore-kit/backups.tsv', 'restore-kit/bundles.tsv', 'restore-kit/bw-restore.sh']);
    expect(String(backend.objects.get('restore-kit/backups.tsv'))).toContain('/u/a');
  });

  it('is found beside its source and from dist, and missed loudly', async () => {
    const files = await kitFiles();
    expect(files.map((file) => file.name)).toEqual(['README.txt', 'bw-restore.sh']);
    const dir = await workspace();
    const moduleUrl = pathToFileURL(join(dir, 'dist/shared/restore-kit/kit-files.js')).href;
    await expect(kitFiles(moduleUrl)).rejects.toMatchObject({ code: 'RESTORE_KIT_MISSING', retry: 'operator' });
    await mkdir(join(dir, 'shared/restore-kit'), { recursive: true });
    for (const { name } of files) await copyFile(`shared/restore-kit/${name}`, join(dir, 'shared/restore-kit', name));
    expect(await kitFiles(moduleUrl)).toEqual(files);
  });

  it('names in its instructions what the script and the backups really use', async () => {
    const [readme = '', script = ''] = (await kitFiles()).map((file) => file.bytes.toString());
    for (const word of ['archives.tsv', 'SHA512SUMS', 'backups.tsv', 'BW_KEY_FILE', 'BW_NO_CHECK', 'bw-restore.sh']) expect(readme).toContain(word);
    for (const option of ['--dirty-behavior no-warn', '-u system.posix_acl_default', "-X '*'"]) {
      expect(readme).toContain(option);
      expect(script).toContain(option);
    }
  });
});
