import { describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest, storedFiles, type Manifest } from '../../../../shared/catalog/index.js';
import { sampleManifest } from './sample-backup.js';

const bytesOf = (json: unknown): Buffer => Buffer.from(JSON.stringify(json));
const changed = (change: (manifest: Manifest) => unknown): unknown => change(structuredClone(sampleManifest()));

describe('decodeManifest', () => {
  it('reads what encodeManifest wrote, numbers above 2^53 included', () => {
    const manifest = sampleManifest();
    expect(decodeManifest(encodeManifest(manifest), 'here')).toEqual(manifest);
  });

  it.each<[string, Uint8Array]>([
    ['no JSON', Buffer.from('{"format":')],
    ['empty', Buffer.alloc(0)],
    ['zeros, as after a power failure', Buffer.alloc(300)],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['no object', bytesOf(null)],
    ['a field missing', bytesOf({ ...sampleManifest(), counts: undefined })],
    ['a field nobody knows', bytesOf(changed((manifest) => ({ ...manifest, extra: 1 })))],
    ['a name that leads out of the directory', bytesOf(changed((manifest) => ({ ...manifest, index: { ...manifest.index, name: '../../x' } })))],
    ['a stored file called as the manifest', bytesOf(changed((manifest) => ({ ...manifest, index: { ...manifest.index, name: 'manifest.json' } })))],
    ['a slice missing in the middle', bytesOf(changed((manifest) => ({ ...manifest, archives: manifest.archives.map((archive) => ({ ...archive, slices: archive.slices.map((slice) => ({ ...slice, number: 2 })) })) })))],
  ])('calls it damaged: %s', (_, bytes) => {
    expect(() => decodeManifest(bytes, 'here')).toThrow(expect.objectContaining({ code: 'MANIFEST_DAMAGED', retry: 'permanent', subject: 'here' }));
  });

  it.each([
    ['a newer version', { version: 3 }],
    ['another format', { format: 'other' }],
  ])('names who wrote %s', (_, fields) => {
    const bytes = bytesOf({ ...sampleManifest(), ...fields, software: { bwBkup: '9.1', node: '30' } });
    expect(() => decodeManifest(bytes, 'here')).toThrow(expect.objectContaining({ code: 'MANIFEST_FOREIGN', retry: 'operator', message: expect.stringContaining('bw-bkup 9.1') as unknown }));
  });
});

describe('encodeManifest', () => {
  it.each<[string, (manifest: Manifest) => Manifest, string]>([
    ['a full with a parent', (manifest) => ({ ...manifest, parent: sampleManifest().backupId }), 'parent'],
    ['an incremental without', (manifest) => ({ ...manifest, level: 'incremental' }), 'parent'],
    ['a lower-case id', (manifest) => ({ ...manifest, backupId: manifest.backupId.toLowerCase() }), 'ULID'],
    ['a basepath id with a slash', (manifest) => ({ ...manifest, basepathId: 'a/b' }), 'basepathId'],
    ['two files of one name', (manifest) => ({ ...manifest, logs: [...manifest.logs, ...manifest.logs] }), 'one name'],
    ['a slice that is nowhere', (manifest) => ({ ...manifest, archives: manifest.archives.map((archive) => ({ ...archive, slices: archive.slices.map((slice) => ({ ...slice, locations: {} })) })) }), 'no long-term storage'],
    ['a broken hash', (manifest) => ({ ...manifest, index: { ...manifest.index, sha512: 'x' } }), 'sha512'],
  ])('refuses %s', (_, change, detail) => {
    const manifest = change(sampleManifest());
    expect(() => encodeManifest(manifest)).toThrow(expect.objectContaining({ code: 'SEAL_MANIFEST_INVALID', detail: expect.stringContaining(detail) as unknown }));
  });
});

it('names index, logs and catalogues as stored files', () => {
  expect(storedFiles(sampleManifest()).map((file) => file.name.split('.')[0])).toEqual(['index', 'dar', 'catalogue-1']);
});
