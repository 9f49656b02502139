import { describe, expect, it } from 'vitest';
import { nicePrefix } from '../../../../shared/process/niceness.js';

const all = (program: string): string => `/usr/bin/${program}`;

describe('what is put before a program that reads users\' filesystems', () => {
  it.each([
    ['nothing', null, null, []],
    ['nothing for 0', 0, null, []],
    ['a nice value', 10, null, ['/usr/bin/nice', '-n', '10']],
    ['the idle class', null, 'idle', ['/usr/bin/ionice', '-t', '-c', '3']],
    ['both', 19, 'best-effort:7', ['/usr/bin/nice', '-n', '19', '/usr/bin/ionice', '-t', '-c', '2', '-n', '7']],
  ])('%s', (_what, nice, ioClass, expected) => {
    expect(nicePrefix(all, { nice, ioClass })).toEqual(expected);
  });

  it('leaves out what the host does not have', () => {
    expect(nicePrefix((program) => (program === 'nice' ? '/bin/nice' : null), { nice: 5, ioClass: 'idle' })).toEqual(['/bin/nice', '-n', '5']);
    expect(nicePrefix(() => null, { nice: 5, ioClass: 'idle' })).toEqual([]);
  });
});
