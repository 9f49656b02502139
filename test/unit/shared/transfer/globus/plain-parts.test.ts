import { describe, expect, it } from 'vitest';
import { BwError } from '../../../../../shared/errors/bw-error.js';
import { deleteDocument, labelOf, transferDocument } from '../../../../../shared/transfer/globus/documents.js';
import { parseHandle, serialise } from '../../../../../shared/transfer/globus/handle.js';
import { joinPath, mapFile, type SourceMap } from '../../../../../shared/transfer/globus/path-map.js';

const ID = '0b5e0c8e-3f5a-4a5e-9d7e-6a1d2f3c4b5a';

describe('mapFile', () => {
  const sources: SourceMap[] = [
    { host: null, dir: '/scratch', collection: 'all', path: '/' },
    { host: null, dir: '/scratch/bw', collection: 'bw', path: '/~/staging/' },
    { host: 'ie02', dir: '/scratch/bw', collection: 'two', path: '/two' },
  ];

  it.each([
    ['ie01', '/scratch/x/y', 'all', '/x/y'],
    ['ie01', '/scratch/bw/ie01/s.1.dar', 'bw', '/~/staging/ie01/s.1.dar'],
    ['ie01', '/scratch/bwx/s', 'all', '/bwx/s'],
    ['ie02', '/scratch/bw/ie02/s.1.dar', 'two', '/two/ie02/s.1.dar'],
  ])('%s %s', (host, file, collection, path) => {
    expect(mapFile(sources, host, file, 'tape')).toEqual({ collection, path });
  });

  it('refuses what no collection shows', () => {
    expect(() => mapFile(sources, 'ie01', '/local/s', 'tape')).toThrow(expect.objectContaining({ code: 'GLOBUS_PATH_UNMAPPED', retry: 'operator', lts: 'tape', subject: '/local/s' }) as Error);
  });

  it('joins', () => {
    expect([joinPath('/', 'a'), joinPath('/bw', 'a/b'), joinPath('/bw', '')]).toEqual(['/a', '/bw/a/b', '/bw']);
  });
});

describe('documents', () => {
  it('override every default that hurts, and name the hash of each file', () => {
    const document = transferDocument({ submissionId: ID, label: 'l', source: 's', destination: 'd', moves: [{ from: '/a', to: '/b', sha512: 'ff' }] });
    expect(document).toEqual({
      DATA_TYPE: 'transfer', submission_id: ID, label: 'l', source_endpoint: 's', destination_endpoint: 'd',
      verify_checksum: true, fail_on_quota_errors: true, skip_source_errors: false, preserve_timestamp: false,
      notify_on_succeeded: false, notify_on_failed: false, notify_on_inactive: false,
      DATA: [{ DATA_TYPE: 'transfer_item', source_path: '/a', destination_path: '/b', external_checksum: 'ff', checksum_algorithm: 'sha512' }],
    });
  });

  it('never delete what a directory holds, unless told so', () => {
    expect(deleteDocument(ID, 'l', 'e', ['/a'])).toMatchObject({ recursive: false, ignore_missing: true, interpret_globs: false, DATA: [{ DATA_TYPE: 'delete_item', path: '/a' }] });
  });

  it('have labels that Globus takes', () => {
    expect(labelOf(ID, 'send')).toBe(`bwb/${ID}/send`);
    expect(labelOf('a b\nü', 'send')).toBe('bwb/a_b__/send');
    expect(labelOf('x'.repeat(500), 'send')).toHaveLength(128);
  });
});

describe('handles', () => {
  it('come back whole from JSON, with what was refused', () => {
    const refused = new BwError('TRANSFER_SOURCE_MISSING', { message: 'gone', retry: 'permanent', hint: 'Do.', subject: '/s' });
    const handle = JSON.parse(JSON.stringify(serialise({ key: 'k', task: ID, files: 2, bytes: 7, refused }))) as ReturnType<typeof serialise>;
    const found = parseHandle(handle);
    expect([found.key, found.task, found.files, found.bytes]).toEqual(['k', ID, 2, 7]);
    expect(found.refused).toMatchObject({ code: 'TRANSFER_SOURCE_MISSING', retry: 'permanent', subject: '/s', hint: 'Do.' });
    expect(parseHandle(serialise({ key: 'k', task: ID, files: 0, bytes: 0, refused: null })).refused).toBeNull();
  });
});
