import { describe, expect, it } from 'vitest';
import { blamedOn, isForgotten, isOver, judgeHangs, mayBeAside, type Hang } from '../../../../shared/hosts/judge-hangs.js';

/** `alice@h1` hung on h1; `/v:bob@h2!` of topdir /v, whose root did not answer either; `x2`: twice. */
function hang(text: string): Hang {
  const [, topdir = '/u', basepathId = '', host = '', silent, count = '1'] = /^(?:(\/\w+):)?(\w+)@(\w+?)(!)?(?:x(\d))?$/.exec(text) ?? [];
  return { basepathId, topdir, host, atMs: 0, seenMs: 0, answered: silent === undefined, count: Number(count) };
}

const hangs = (...texts: string[]): Hang[] => texts.map(hang);
const hosts = (count: number): Set<string> => new Set(Array.from({ length: count }, (_, index) => `h${index + 1}`));

describe('judgeHangs', () => {
  it('sets aside a quarter of the hosts, one at least, but none that is alone', () => {
    expect([0, 1, 2, 4, 7, 8, 28].map(mayBeAside)).toEqual([0, 0, 1, 1, 1, 2, 7]);
  });

  it.each([
    ['nothing hung', hangs(), 4, [], []],
    ['one host is suspected, whatever hung there', hangs('a@h1', 'b@h1', '/v:c@h1'), 4, ['h1'], []],
    ['two of four are too many: the filesystem', hangs('a@h1', 'b@h2'), 4, [], ['/u']],
    ['two of eight are not', hangs('a@h1', 'b@h2'), 8, ['h1', 'h2'], []],
    ['a host alone: there is nobody to do its work', hangs('a@h1'), 1, [], ['/u']],
    ['only as many topdirs as must be, the worst first', hangs('a@h1', 'b@h2', '/v:c@h3'), 4, ['h3'], ['/u']],
    ['both where both are too many', hangs('a@h1', 'b@h2', '/v:c@h3', '/v:d@h4'), 4, [], ['/u', '/v']],
    ['hosts that are gone count for nothing', hangs('a@h1', 'b@h9'), 4, ['h1'], []],
    ['a host with hangs of two topdirs is still aside for the other', hangs('a@h1', 'b@h2', '/v:c@h1'), 4, ['h1'], ['/u']],
  ])('%s', (_, found, present, aside, incidents) => {
    expect(judgeHangs(found, hosts(present))).toEqual({ aside, incidents });
  });
});

describe('blamedOn', () => {
  it.each([
    ['hung once', hangs('a@h1'), null],
    ['twice on one host', hangs('a@h1x2'), null],
    ['three times on one host', hangs('a@h1x3'), ['h1']],
    ['on two hosts', hangs('a@h1', 'a@h2', 'b@h3'), ['h1', 'h2']],
    ['where the whole mount hung it proves nothing', hangs('a@h1!', 'a@h2', 'a@h3!x3'), null],
    ['others say nothing of it', hangs('b@h1', 'b@h2'), null],
  ])('%s', (_, found, expected) => {
    expect(blamedOn(found, 'a')).toEqual(expected);
  });
});

describe('the end of a suspicion', () => {
  it('comes with an answer, after others had time to try; or when its host is not heard of', () => {
    const one = hang('a@h1');
    expect([isOver(one, true, 299_999), isOver(one, true, 300_000), isOver(one, false, 10 ** 9)]).toEqual([false, true, false]);
    expect([isForgotten(one, 86_399_999), isForgotten(one, 86_400_000)]).toEqual([false, true]);
  });
});
