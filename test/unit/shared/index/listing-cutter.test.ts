import { expect, it } from 'vitest';
import { asItIsNow, BASEPATH, ListingCutter, type CutterOptions } from '../../../../shared/index/listing-cutter.js';

const REST = '1 1.0 1.0';
const directory = (path: string, inode: number, device = 9): string => `${path}//./d ${REST} ${device}:${inode} 2 755 0 0 8 - -\0`;
const file = (directory: string, name: string): string => `${directory}//${name}/f ${REST} 9:77 1 644 0 0 8 - -\0`;

function cut(lines: readonly string[], options: Partial<CutterOptions>): { kept: string; cutter: ListingCutter } {
  const cutter = new ListingCutter({ starts: [], device: '9', maxDepth: 2048, whole: false, ...options });
  return { kept: lines.map((text) => cutter.cut(Buffer.from(text, 'latin1')).toString('latin1')).join(''), cutter };
}

it('keeps a directory with its entries, and lets its sub-directories wait', () => {
  const lines = [directory('.', 1), file('.', 'x\xff'), directory('./a', 2), directory('./b,c', 3), file('.', '.y')];
  const { kept, cutter } = cut(lines, { starts: [BASEPATH], device: null });
  expect(kept).toBe([lines[0], lines[1], lines[4]].join(''));
  expect(cutter).toMatchObject({ device: '9', waiting: ['./a//1,2', './b,c//1,3'], replaced: [], loops: [] });
  expect(cut([lines.join('')], { starts: [BASEPATH], device: null }).kept).toBe(kept);
});

it('carries the inodes above along, and tells a directory that is its own ancestor', () => {
  const lines = [directory('./a', 2), directory('./a/loop', 1), directory('./a/b', 12), directory('./c', 3), directory('./c/d', 2)];
  const { kept, cutter } = cut(lines, { starts: ['./a//1,2', './c//1,3'] });
  expect(kept).toBe([lines[0], lines[3]].join(''));
  expect(cutter.waiting).toEqual(['./a/b//1,2,12', './c/d//1,3,2']);
  expect(cutter.loops).toEqual(['./a/loop']);
});

it('records a mount point and does not enter it, nor one that came since', () => {
  const lines = [directory('./a', 2), directory('./a/mount', 1, 8), directory('./b', 3, 8), file('./b', 'mounted'), directory('./b/mounted', 4, 8)];
  const { kept, cutter } = cut(lines, { starts: ['./a//1,2', './b//1,3'] });
  expect(kept).toBe(lines.slice(0, 3).join(''));
  expect(cutter).toMatchObject({ waiting: [], replaced: [] });
});

it('drops what is another directory now, and no start behind it', () => {
  const lines = [directory('./a', 20), file('./a', 'x'), directory('./a/b', 21), file('.', 'c'), directory('./d', 4), file('./d', 'y')];
  const { kept, cutter } = cut([lines.join('')], { starts: ['./a//1,2', './c//1,3', './d//1,4'] });
  expect(kept).toBe(lines.slice(3).join(''));
  expect(cutter).toMatchObject({ waiting: [], replaced: ['./a//1,2'] });
  const again = cut(lines.slice(0, 3), { starts: [asItIsNow('./a//1,2')] });
  expect(again.kept).toBe(lines.slice(0, 2).join(''));
  expect(again.cutter).toMatchObject({ waiting: ['./a/b//1,20,21'], replaced: [] });
});

it.each([['./a//1,2', './a//1,'], ['./a,b//7', './a,b//'], [BASEPATH, BASEPATH]])('forgets the inode of %s', (waiting, now) => {
  expect(asItIsNow(waiting)).toBe(now);
});

it('leaves all below to a find that enters by itself, and what lies too deep', () => {
  const lines = [directory('./a', 2), directory('./a/b', 3), directory('./a/b/c', 4)];
  expect(cut(lines, { starts: ['./a//1,2'], whole: true })).toMatchObject({ kept: lines.join(''), cutter: { waiting: [] } });
  expect(cut(lines.slice(0, 2), { starts: ['./a//1,2'], maxDepth: 2 })).toMatchObject({ kept: lines.slice(0, 2).join(''), cutter: { waiting: [] } });
});
