import { describe, expect, it } from 'vitest';
import { displayWidth, facts, paintFor, plain, table } from '../../../../shared/terminal/index.js';

const columns = [
  { title: 'basepath', cell: (row: { name: string; files: number }) => row.name },
  { title: 'files', align: 'right' as const, cell: (row: { name: string; files: number }) => row.files.toString() },
  { title: 'note', cell: () => '' },
];

describe('table', () => {
  it('lines up columns and leaves nothing at line ends', () => {
    const text = table([{ name: 'alice', files: 12_345 }, { name: "bob's project", files: 7 }], columns);
    expect(text).toBe(
      'BASEPATH       FILES  NOTE\n' +
      'alice          12345\n' +
      "bob's project      7\n",
    );
  });

  it('prints only titles without rows', () => {
    expect(table([], columns)).toBe('BASEPATH  FILES  NOTE\n');
  });

  it('lines up coloured, wide and combining text', () => {
    const red = paintFor(true, {})('bad', 'x');
    const text = table([{ name: red, files: 1 }, { name: '日本', files: 2 }, { name: 'e\u0301', files: 3 }, { name: '💾', files: 4 }], columns);
    expect(text.split('\n').slice(1, -1).map((line) => displayWidth(line))).toEqual([15, 15, 15, 15]);
  });

  it('pads labels of facts', () => {
    expect(facts([['config', '/c'], ['restore kit', '/r']])).toBe('config       /c\nrestore kit  /r\n');
  });
});

describe('paint', () => {
  it('colours on a terminal only, and never against NO_COLOR', () => {
    expect(paintFor(true, {})('good', 'ok')).toBe('\x1b[32mok\x1b[39m');
    expect(paintFor(true, { NO_COLOR: '' })('good', 'ok')).toBe('\x1b[32mok\x1b[39m');
    for (const refused of [paintFor(false, {}), paintFor(true, { NO_COLOR: '1' }), paintFor(true, { TERM: 'dumb' }), plain]) {
      expect(refused('good', 'ok')).toBe('ok');
    }
  });
});
