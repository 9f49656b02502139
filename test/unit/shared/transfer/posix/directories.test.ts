import { beforeEach, expect, it, vi } from 'vitest';
import { syncDirectory } from '../../../../../shared/transfer/posix/directories.js';

const syncs = vi.hoisted((): { end: (error?: Error) => void }[] => []);

vi.mock('../../../../../shared/transfer/posix/raw-fs.js', () => ({
  openFile: () => Promise.resolve(3),
  closeFile: () => Promise.resolve(),
  syncFile: () => new Promise<void>((resolve, reject) => { syncs.push({ end: (error) => { if (error === undefined) resolve(); else reject(error); } }); }),
}));

const begun = (count: number): Promise<void> => vi.waitFor(() => { expect(syncs).toHaveLength(count); }, { timeout: 20_000, interval: 1 });

beforeEach(() => { syncs.length = 0; });

it('who comes during a sync of a directory shares the next one, which begins after it came', async () => {
  const ended: string[] = [];
  const sync = (name: string): Promise<unknown> => syncDirectory('/lts/a').then(() => ended.push(name));
  const first = sync('first');
  await begun(1);
  const more = [sync('second'), sync('third')];
  syncs[0]?.end();
  await first;
  await begun(2);
  const late = sync('late'); // the second has begun without it
  expect(ended).toEqual(['first']);
  syncs[1]?.end();
  await Promise.all(more);
  await begun(3);
  expect(ended).toEqual(['first', 'second', 'third']);
  syncs[2]?.end();
  await late;
  expect(syncs).toHaveLength(3);
});

it('a sync that fails fails for those who share it, and for nobody else; another directory does not wait', async () => {
  const first = syncDirectory('/lts/a');
  const other = syncDirectory('/lts/b');
  await begun(2);
  const second = syncDirectory('/lts/a');
  syncs[1]?.end();
  await other;
  syncs[0]?.end(new Error('EIO'));
  await expect(first).rejects.toThrow('EIO');
  await begun(3);
  syncs[2]?.end();
  await second;
});
