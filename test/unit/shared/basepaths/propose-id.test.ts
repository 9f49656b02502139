import { describe, expect, it } from 'vitest';
import { proposeFreeId, proposeId } from '../../../../shared/basepaths/propose-id.js';
import { bytePath, type BytePath } from '../../../../shared/paths/byte-path.js';

const text = bytePath.fromText;
const bytes = (...values: number[]): BytePath => bytePath.fromBuffer(Buffer.from(values));

/** Ids are names in long-term storage for ever: these values may never change. */
const GOLDEN: [string, string, BytePath, string][] = [
  ['plain', '/u/staff', text('alice'), 'alice-94c8fa'],
  ['same name elsewhere', '/u/guests', text('alice'), 'alice-dc84b4'],
  ['case kept', '/u/staff', text('Alice'), 'Alice-a1b952'],
  ['two levels', '/proj', text('bio/genome'), 'bio-genome-5f42ad'],
  ['space and colon', '/u/staff', text('a b:c'), 'a_b_c-4c5fac'],
  ['hidden', '/u/staff', text('.cache'), 'cache-08905f'],
  ['option-like', '/u/staff', text('--rf'), 'rf-d96307'],
  ['dots only', '/u/staff', text('...'), 'dir-fdc9af'],
  ['dashes only', '/u/staff', text('---'), 'dir-6a6e19'],
  ['unicode', '/u/staff', text('José'), 'Jos_-bd0417'],
  ['unicode only', '/u/staff', text('日本語'), 'dir-2b965a'],
  ['newline', '/u/staff', text('a\nb'), 'a_b-8259a6'],
  ['not UTF-8', '/u/staff', bytes(0x61, 0xff, 0xfe, 0x62), 'a_b-c49d47'],
  ['not UTF-8 either', '/u/staff', bytes(0x61, 0xfe, 0xff, 0x62), 'a_b-69a441'],
  ['255 bytes', '/u/staff', text('n'.repeat(255)), `${'n'.repeat(40)}-68f42f`],
  ['another 255 bytes', '/u/staff', text(`${'n'.repeat(254)}m`), `${'n'.repeat(40)}-d201cb`],
];

describe('proposeId', () => {
  it.each(GOLDEN)('is stable: %s', (_, topdir, relative, id) => {
    expect(proposeId(topdir, relative)).toBe(id);
  });

  it('differs for all of these, and is safe as file, object and job name', () => {
    const ids = GOLDEN.map(([, topdir, relative]) => proposeId(topdir, relative));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,60}$/);
  });

  it('names later generations', () => {
    expect(proposeId('/u/staff', text('alice'), 2)).toBe(`${proposeId('/u/staff', text('alice'))}-g2`);
  });

  it('takes a longer hash while the id is taken', () => {
    const [short, longer] = [proposeId('/u', text('x'), 1, 6), proposeId('/u', text('x'), 1, 8)];
    expect(longer.startsWith(short)).toBe(true);
    expect(proposeFreeId('/u', text('x'), 1, (id) => id === short)).toBe(longer);
    expect(proposeFreeId('/u', text('x'), 1, () => true)).toHaveLength('x-'.length + 64);
  });
});
