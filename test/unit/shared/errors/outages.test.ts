import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { BwError, toBwError, type Retry } from '../../../../shared/errors/bw-error.js';
import { codesExplainedBy, isWorthTrying, OUTAGE_KINDS, suspectOutage } from '../../../../shared/errors/outages.js';

const NO_SUSPICION = { kinds: [], certain: false };

function error(code: string, retry: Retry = 'retry'): BwError {
  return new BwError(code, { message: 'm', retry, hint: 'h' });
}

it.each([
  ['TRANSFER_NO_SPACE', { kinds: ['lts'], certain: true }],
  ['TRANSFER_DENIED', { kinds: ['lts'], certain: false }],
  ['SOURCE_EMPTY', { kinds: ['mount'], certain: false }],
  ['GLOBUS_PATH_WRONG', { kinds: ['lts'], certain: false }],
  ['DAR_NO_SLICES', { kinds: ['staging'], certain: false }],
  ['STAGING_FULL', { kinds: ['staging'], certain: true }],
  ['MANIFEST_MISSING', { kinds: ['catalog'], certain: false }],
  ['TRANSFER_SOURCE_CORRUPT', NO_SUSPICION],
  ['TOO_MANY_EXCEPTIONS', NO_SUSPICION],
  ['toString', NO_SUSPICION],
])('%s may be an outage of %j', (code, suspicion) => {
  expect(suspectOutage(error(code))).toEqual(suspicion);
});

it.each([
  ['EROFS', ['catalog', 'staging']],
  ['ENOENT', ['catalog', 'staging']],
  ['EMFILE', []],
])('an error nobody foresaw with %s may be an outage of %j', (errno, kinds) => {
  expect(suspectOutage(toBwError(Object.assign(new Error('x'), { code: errno }))).kinds).toEqual(kinds);
  expect(suspectOutage(toBwError(new TypeError('a bug'))).kinds).toEqual([]);
});

it.each([
  ['TRANSFER_IO', 'retry', true],
  ['TOO_MANY_EXCEPTIONS', 'permanent', false],
  ['SOURCE_EMPTY', 'operator', false],
  ['TRANSFER_DENIED', 'operator', true],
  ['STAGING_TOO_SMALL', 'operator', false],
  ['PROGRAM_NOT_FOUND', 'operator', true],
  ['PROGRAM_NOT_FOUND', 'permanent', false],
] as const)('%s (%s), no outage explaining it, is tried again: %s', (code, retry, again) => {
  expect(isWorthTrying(error(code, retry))).toBe(again);
});

it('is documented as it is', async () => {
  const documented = await readFile(new URL('../../../../shared/errors/codes.md', import.meta.url), 'utf8');
  for (const kind of OUTAGE_KINDS) {
    const row = documented.split('\n').find((line) => line.startsWith(`| ${kind}: `)) ?? '';
    expect([...row.matchAll(/`([A-Z_]+)`/g)].map((match) => match[1]), kind).toEqual(codesExplainedBy(kind));
    for (const code of codesExplainedBy(kind)) expect(documented).toContain(`\n| \`${code}\` | `);
  }
});
