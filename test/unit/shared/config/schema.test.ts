import { describe, expect, it } from 'vitest';
import { collections, envName, leavesOf, readLeaf, siteSchema } from '../../../../shared/config/schema.js';

const every = [...leavesOf(siteSchema), ...Object.entries(collections).flatMap(([name, { item }]) => leavesOf(item, `${name}.`))];

describe.each(every)('%s', (_key, leaf) => {
  it('has a sentence of documentation', () => {
    expect(leaf.doc).toMatch(/^\S.{10,}\.$/);
  });

  it('has a default that its own format takes', () => {
    if (leaf.default === null) expect(leaf.nullable === true || leaf.required === true).toBe(true);
    else expect(() => readLeaf(leaf, leaf.default)).not.toThrow();
  });
});

it('gives every key a variable of its own', () => {
  const names = leavesOf(siteSchema).map(([key]) => envName(key));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain('BW_DAR_ENCRYPTION_KEY_FILE');
  expect(names.every((name) => /^BW_[A-Z_]+$/.test(name))).toBe(true);
});
