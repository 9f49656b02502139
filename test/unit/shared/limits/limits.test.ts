import { describe, expect, it } from 'vitest';
import { FormatError } from '../../../../shared/config/units.js';
import { LIMIT_KEYS, parseLimit, showLimit, type LimitKey } from '../../../../shared/limits/keys.js';
import { resolveLimit, type SetLimit, type Where } from '../../../../shared/limits/resolve.js';

const NOW = 1000;

function set(value: string, fields: Partial<SetLimit> = {}): SetLimit {
  return { v: 1, key: 'statLatency', value, host: null, topdir: null, lts: null, until: null, setAt: 0, user: null, ...fields };
}

describe('the limit in force', () => {
  const everywhere = set('1s');
  const ofHost = set('2s', { host: 'ie1' });
  const ofTopdir = set('3s', { topdir: '/u' });
  const ofBoth = set('4s', { topdir: '/u', host: 'ie1' });

  it.each<[string, SetLimit[], Where, number | null]>([
    ['as configured when nothing is set', [], { host: 'ie1', topdir: '/u' }, 7],
    ['what is set everywhere', [everywhere], { host: 'ie1', topdir: '/u' }, 1000],
    ['a host before everywhere', [everywhere, ofHost], { host: 'ie1', topdir: '/u' }, 2000],
    ['a topdir before a host', [ofTopdir, ofHost], { host: 'ie1', topdir: '/u' }, 3000],
    ['a topdir on a host before all', [ofTopdir, ofHost, ofBoth, everywhere], { host: 'ie1', topdir: '/u' }, 4000],
    ['not another host\'s', [ofHost], { host: 'ie2', topdir: '/u' }, 7],
    ['not another topdir\'s', [ofTopdir, ofBoth], { host: 'ie1', topdir: '/v' }, 7],
    ['none takes it away', [set('none')], { host: 'ie1', topdir: '/u' }, null],
    ['what is over does not count', [set('9s', { until: NOW })], { host: 'ie1' }, 7],
    ['what ends later counts', [set('9s', { until: NOW + 1 })], { host: 'ie1' }, 9000],
    ['another limit does not count', [set('9s', { key: 'bandwidth' })], { host: 'ie1' }, 7],
  ])('%s', (_what, all, where, expected) => {
    expect(resolveLimit('statLatency', where, 7, all, NOW)).toBe(expected);
  });

  it('of one long-term storage is beside that of all together', () => {
    const all = [set('1MB/s', { key: 'bandwidth' }), set('2MB/s', { key: 'bandwidth', lts: 'tape' })];
    const of = (where: Where) => resolveLimit('bandwidth', { host: 'ie1', ...where }, null, all, NOW);
    expect([of({}), of({ lts: 'tape' }), of({ lts: 'disk' })]).toEqual([1e6, 2e6, null]);
  });
});

describe('values', () => {
  it.each<[LimitKey, string, string]>([
    ['bandwidth', '1GiB/s', '1GiB/s'],
    ['bandwidth', '500MB/s', '500MB/s'],
    ['concurrency', '4', '4'],
    ['scan.concurrency', '2', '2'],
    ['windows.fulls', '18:00-08:00, 12:00-13:00', '18:00-08:00,12:00-13:00'],
    ['statLatency', '0.02s', '20ms'],
    ['statFactor', '5', '5'],
    ['nice', '19', '19'],
    ['ioClass', 'best-effort:7', 'best-effort:7'],
  ])('%s %s', (key, text, shown) => {
    expect(showLimit(key, parseLimit(key, text))).toBe(shown);
  });

  it.each<[LimitKey, string]>([
    ['bandwidth', '5'],
    ['concurrency', '0'],
    ['windows.fulls', ''],
    ['windows.fulls', '8-18'],
    ['statLatency', '20'],
    ['statFactor', '1'],
    ['nice', '20'],
    ['ioClass', 'realtime'],
  ])('%s does not take %j', (key, text) => {
    expect(() => parseLimit(key, text)).toThrow(FormatError);
  });

  it('none is no limit, of each', () => {
    expect(LIMIT_KEYS.map((key) => [parseLimit(key, ' none '), showLimit(key, null)])).toEqual(LIMIT_KEYS.map(() => [null, 'none']));
  });
});
