import { expect, it } from 'vitest';
import { edgesInCode, unlistedMethods } from './edges-in-code.js';
import { killTest, SITE } from './kill-test.js';
import { NOT_REACHED } from './not-reached.js';
import { doAllWork } from './work.js';

it('every method of what outlives a worker is known as reading or writing', () => {
  expect(unlistedMethods()).toEqual([]);
});

it('every excuse is of an edge that is in the code', () => {
  const inCode = edgesInCode();
  expect(Object.keys(NOT_REACHED).filter((edge) => !inCode.includes(edge))).toEqual([]);
});

killTest({ state: 'every edge', name: 'a worker dies at every edge of all jobs: all work is done, once', site: SITE, part: null, work: doAllWork, withJobs: true });
