import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BwError } from '../../../../../shared/errors/bw-error.js';
import { ltsError, sourceError } from '../../../../../shared/transfer/posix/fs-errors.js';
import { workspace } from '../../../../helpers/workspace.js';

const failure = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });

describe('errors of a storage filesystem', () => {
  const cases = [
    ['ENOSPC', 'TRANSFER_NO_SPACE', 'operator'],
    ['EDQUOT', 'TRANSFER_NO_SPACE', 'operator'],
    ['EACCES', 'TRANSFER_DENIED', 'operator'],
    ['EROFS', 'TRANSFER_DENIED', 'operator'],
    ['EIO', 'TRANSFER_IO', 'retry'],
    ['ESTALE', 'TRANSFER_IO', 'retry'],
    ['ENOENT', 'TRANSFER_IO', 'retry'],
  ] as const;
  it.each(cases)('%s is %s, %s', async (errno, code, retry) => {
    const cause = failure(errno);
    expect(await ltsError(cause, 'a/b', await workspace(), 'tape')).toMatchObject({ code, retry, subject: 'a/b', lts: 'tape', cause, detail: expect.stringContaining(errno) as string });
  });

  it('is LTS_MISSING whenever the root is not there', async () => {
    const root = join(await workspace(), 'gone');
    expect(await ltsError(failure('ENOENT'), 'a/b', root, 'tape')).toMatchObject({ code: 'LTS_MISSING', retry: 'operator', subject: root, lts: 'tape' });
  });

  it('leaves decided errors as they are, and a bug a bug', async () => {
    const decided = new BwError('X', { message: 'm', retry: 'permanent', hint: 'h' });
    expect(await ltsError(decided, 'a', '/', 'tape')).toBe(decided);
    expect(await ltsError(new TypeError('bug'), 'a', '/', 'tape')).toMatchObject({ code: 'UNEXPECTED' });
    expect(sourceError(decided, 'f')).toBe(decided);
  });

  it.each([
    ['ENOENT', 'TRANSFER_SOURCE_MISSING', 'permanent'],
    ['ENOSPC', 'STAGING_NO_SPACE', 'operator'],
    ['EACCES', 'STAGING_IO', 'operator'],
    ['EIO', 'STAGING_IO', 'retry'],
  ])('on the staging side %s is %s, %s', (errno, code, retry) => {
    expect(sourceError(failure(errno), '/s/f')).toMatchObject({ code, retry, subject: '/s/f' });
  });
});
