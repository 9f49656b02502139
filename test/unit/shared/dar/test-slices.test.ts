import { describe, expect, it } from 'vitest';
import { parseSlicingLine } from '../../../../shared/dar/test-slices.js';

describe('a line of a listing with slices', () => {
  it.each([
    ['1\t [Saved][-]       [-L-][   0%][ ] drwxr-xr-x d1/d2', { first: 1, type: 'd', path: 'd1/d2' }],
    ['\t [Saved][-]       [---][   0%][ ] drwxr-xr-x d', { first: 0, type: 'd', path: 'd' }],
    ['11-12\t [Saved][ ]       [---][     ][ ] -rw-r--r-- f 17', { first: 11, type: '-', path: 'f 17' }],
    ['2\t [Saved][ ][Saved][-L-][  98%][X]*-rwsr-xr-t d1/hl', { first: 2, type: '-', path: 'd1/hl' }],
    ['3\t [Saved][ ]       [---][     ][ ] lrwxrwxrwx caf\u00e9', { first: 3, type: 'l', path: 'caf\u00e9' }],
  ])('%j', (line, entry) => {
    expect(parseSlicingLine(line)).toEqual(entry);
  });

  it.each(['All displayed files have their data in slice range [1-13]', '-----', 'Slice(s)|[Data ][D][ EA  ][FSA][Compr][S]|Permission| Filemane', ''])('not %j', (line) => {
    expect(parseSlicingLine(line)).toBeNull();
  });
});
