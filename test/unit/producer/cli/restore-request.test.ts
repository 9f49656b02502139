import { describe, expect, it } from 'vitest';
import { capturedBy, checkRestoreOptions, instantOf, wantedPaths } from '../../../../producer/cli/restore-request.js';
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
    [{ to: '/r', backup: 'X', at: '2026-05-01' }, 'either --backup ID or --at TIME'],
    [{ to: '/r', resume: true, path: ['a'] }, '--resume does not go with'],
    [{ to: '/r', resume: true, at: '2026-05-01' }, '--resume does not go with'],
    [{ resume: true }, 'either --to DIR or --in-place'],
    [{ to: '/r', at: 'yesterday' }, '--at yesterday is not a time'],
    [{ to: '/r', at: '2026-13-01' }, 'is not a time'],
    [{ to: '/r', at: 'May 1, 2026' }, 'is not a time'],
  ] as const)('%j', async (options, message) => {
    await expect(checkRestoreOptions(options)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) as string });
  });

  it('those that go together', async () => {
    await checkRestoreOptions({ to: '/r', path: ['a'] });
    await checkRestoreOptions({ inPlace: true, onConflict: 'rename' });
    await checkRestoreOptions({ inPlace: true, resume: true });
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

describe('a restore as of a time', () => {
  it.each([
    ['2026-05-01', '2026-05-01T23:59:59.999Z'],
    ['2026-05-01 12:00', '2026-05-01T12:00:00.000Z'],
    ['2026-05-01T12:00:30+02:00', '2026-05-01T10:00:30.000Z'],
    ['2026-05-01T12:00:00.5Z', '2026-05-01T12:00:00.500Z'],
  ])('%s', (text, expected) => {
    expect(new Date(instantOf(text)).toISOString()).toBe(expected);
  });

  it('takes the backup of latest capture that is not later', () => {
    const backups = ['2026-05-01T00:00:00Z', '2026-05-03T00:00:00Z', '2026-05-02T00:00:00Z'].map((capturedAt) => ({ capturedAt }));
    expect(capturedBy(backups, Infinity)).toBe(backups[1]);
    expect(capturedBy(backups, Date.parse('2026-05-02T12:00:00Z'))).toBe(backups[2]);
    expect(capturedBy(backups, Date.parse('2026-05-02T00:00:00Z'))).toBe(backups[2]);
    expect(capturedBy(backups, Date.parse('2026-04-30T00:00:00Z'))).toBeNull();
  });
});
