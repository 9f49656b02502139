import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { removeTried, tryWriting } from '../../../../shared/files/try-writing.js';
import { workspace } from '../../../helpers/workspace.js';

describe('tryWriting', () => {
  it.each([true, false])('leaves nothing behind (with a link: %s)', async (withLink) => {
    const dir = await workspace();
    await tryWriting(dir, withLink);
    expect(await readdir(dir)).toEqual([]);
  });

  it("throws the kernel's error", async () => {
    await expect(tryWriting('/proc/self', false)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

it('removeTried removes what killed programs left, and nothing that may be in use or is something else', async () => {
  const dir = await workspace();
  const now = new Date('2026-01-01T12:00:00Z');
  const files = { '.bw-check-1-aa': 3_600, '.bw-check-1-aa.link': 3_600, '.bw-check-2-bb': 3_599, '.other': 3_600, '.bw-check-3-full': 3_600 };
  for (const [name, seconds] of Object.entries(files)) {
    await writeFile(join(dir, name), name.endsWith('full') ? 'x' : '');
    const then = new Date(now.getTime() - seconds * 1_000);
    await utimes(join(dir, name), then, then);
  }
  await mkdir(join(dir, '.bw-check-4-directory'));
  expect(await removeTried(dir, now)).toBe(2);
  expect((await readdir(dir)).sort()).toEqual(['.bw-check-2-bb', '.bw-check-3-full', '.bw-check-4-directory', '.other']);
});
