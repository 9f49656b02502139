import { describe, expect, it } from 'vitest';
import { checkRestoreOptions, wantedPaths } from '../../../../producer/cli/restore-request.js';
import { bytePath } from '../../../../shared/paths/byte-path.js';
import { workspace } from '../../../helpers/workspace.js';

describe('options of a restore', () => {
  it.each([
    [{}, 'either --to DIR or --in-place'],
    [{ to: '/r', inPlace: true, onConflict: 'keep' }, 'either --to DIR or --in-place'],
    [{ inPlace: true }, '--on-conflict keep|rename|overwrite'],
    [{ to: '/r', onConflict: 'keep' }, '--on-conflict goes with --in-place'],
    [{ to: '/r', compare: '/', detach: true }, '--detach does not'],
    [{ to: '/r', compare: '/', path: ['a'] }, 'does not go with --path'],
    [{ to: '/r', compare: '/dev/null' }, 'is not a directory'],
  ] as const)('%j', async (options, message) => {
    await expect(checkRestoreOptions(options)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) as string });
  });

  it('those that go together', async () => {
    await checkRestoreOptions({ to: '/r', path: ['a'] });
    await checkRestoreOptions({ inPlace: true, onConflict: 'rename' });
    await checkRestoreOptions({ to: '/r', compare: await workspace() });
  });
});

describe('paths to restore', () => {
  const base = bytePath.fromText('/u/staff/älice');

  it.each([
    [['a/b'], ['a/b']],
    [['./a//b/'], ['a/b']],
    [['a', './a/'], ['a']],
    [['/u/staff/älice/a/ü'], ['a/ü']],
    [['/u/staff/bob/a'], ['/u/staff/bob/a']],
    [['.'], []],
    [['a', '/u/staff/älice/'], []],
    [[], []],
  ])('%j', (typed, expected) => {
    expect(wantedPaths(base, typed)).toEqual(expected.map(bytePath.fromText));
  });

  it('an empty one is a mistake', () => {
    expect(() => wantedPaths(base, [''])).toThrow('--path needs a path');
  });
});
