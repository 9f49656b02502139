import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Config } from '../../../../../shared/config/config.js';
import { resourceOf } from '../../../../../producer/cli/breaker/breaker-command.js';
import { outageLines } from '../../../../../producer/cli/breaker/outage-rows.js';
import type { OutageRow } from '../../../../../producer/cli/breaker/outputs.js';

const SITE = { topdirs: [{ path: '/u/staff' }], lts: [{ name: 'tape' }, { name: 'disk' }] } as unknown as Config;

describe('names of what may be out', () => {
  it.each([
    ['tape', { kind: 'lts', name: 'tape' }],
    ['lts:disk', { kind: 'lts', name: 'disk' }],
    ['/u/staff/', { kind: 'mount', name: '/u/staff' }],
    ['mount:/u/staff', { kind: 'mount', name: '/u/staff' }],
    ['catalog', { kind: 'catalog', name: 'catalog' }],
    ['staging:ie1', { kind: 'staging', name: 'ie1' }],
  ])('%s', (name, resource) => {
    expect(resourceOf(name, SITE)).toEqual(resource);
  });

  it('what is out and configured no more can still be closed', () => {
    expect(resourceOf('gone', SITE, [{ kind: 'lts', name: 'gone' }])).toEqual({ kind: 'lts', name: 'gone' });
    expect(resourceOf('mount:/u/old', SITE, [{ kind: 'mount', name: '/u/old' }])).toEqual({ kind: 'mount', name: '/u/old' });
  });

  it('refuses what it does not know', () => {
    expect(() => resourceOf('tapes', SITE)).toThrow(expect.objectContaining({ code: 'USAGE', hint: 'Known: lts:tape, lts:disk, mount:/u/staff, catalog:catalog, staging:HOST.' }) as Error);
  });
});

describe('an outage as people read it', () => {
  beforeEach(() => { vi.useFakeTimers({ toFake: ['Date'], now: 7_200_000 }); });
  afterEach(() => { vi.useRealTimers(); });
  const row: OutageRow = { kind: 'lts', name: 'tape', since: new Date(0).toISOString(), hosts: ['ie1'], code: 'LTS_MISSING', message: 'not there', hint: 'Mount it.', operator: null, nextLookAt: null, jobs: 3 };

  it('says what, where, since when, why, who waits, and what to do', () => {
    expect(outageLines(row)).toEqual(['lts:tape is out on ie1 for 2h 00m: LTS_MISSING: not there; waiting for that: 3 jobs', '  -> Mount it.']);
    expect(outageLines({ ...row, hosts: null, operator: 'root' })[0]).toMatch(/^lts:tape was taken out by root for 2h 00m: /);
  });
});
