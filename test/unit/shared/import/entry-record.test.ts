import { describe, expect, it } from 'vitest';
import type { CatalogueEntry } from '../../../../shared/dar/index.js';
import { heldOf, octalMode, recordOf } from '../../../../shared/import/entry-record.js';
import { formatRecord, parseRecord } from '../../../../shared/index/format.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';

const ENTRY: CatalogueEntry = {
  path: bytePath.of('a/b'), type: 'f', size: '5', mtime: '1700000000', ctime: '1700000001', hasEa: false, dirty: false, removed: false, data: 'saved', hardlinked: false,
  inode: { permissions: 'rwsr-x--T', user: 'alice', group: '12' },
};
const ids = { idOf: (name: string): string => (name === 'alice' ? '1000' : name) };

describe('a catalogue entry as a record', () => {
  it.each([['rw-r--r--', '644'], ['rwsr-x--T', '5750'], ['---------', '0'], ['rwxrwxrwt', '1777'], ['r-Sr-sr-x', '6455'], ['', '0']])('%s is %s', (text, mode) => {
    expect(octalMode(text)).toBe(mode);
  });

  it('has whole seconds, no inode, and owners by number', () => {
    const line = formatRecord(recordOf(ENTRY, ids, ids));
    expect(line).toBe('./a//b/f 5 1700000000 1700000001 0:0 1 5750 1000 12 0 - 1.1');
    expect(formatRecord(parseRecord(line))).toBe(line);
    expect(formatRecord(recordOf({ ...ENTRY, type: 'd', size: '', dirty: true, ctime: '' }, ids, ids))).toBe('./a/b//./d 0 1700000000 1700000000 0:0 1 5750 1000 12 0 c 1.1');
  });

  it('knows what the archive holds of it', () => {
    expect([ENTRY, { ...ENTRY, data: 'inode-only' }, { ...ENTRY, data: 'referenced' }, { ...ENTRY, data: 'referenced', hasEa: true }].map(heldOf)).toEqual(['all', 'metadata', 'nothing', 'metadata']);
  });
});
