import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { watchSlices } from '../../../../shared/dar/watch-slices.js';
import { workspace } from '../../../helpers/workspace.js';

const sha512 = (text: string) => createHash('sha512').update(text).digest('hex');

async function archive() {
  const dir = await workspace();
  const file = (n: number) => join(dir, `b.1.${n}.dar`);
  const grow = async (n: number, text: string) => { await writeFile(file(n), text); await writeFile(`${file(n)}.sha512`, ''); };
  const complete = async (n: number, text: string, name = `b.1.${n}.dar`) => { await writeFile(file(n), text); await writeFile(`${file(n)}.sha512`, `${sha512(text)}  ${name}\n`); };
  let finish: (outcome: unknown) => void = () => undefined;
  const finished = new Promise<unknown>((resolve) => { finish = resolve; });
  const watch = (more = {}) => watchSlices({ dir, baseName: 'b.1', intervalMs: () => 5, finished, ...more });
  return { dir, file, grow, complete, finish: (outcome: unknown = {}) => { finish(outcome); }, watch };
}
const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;
async function all(watch: ReturnType<typeof watchSlices>) {
  const numbers: number[][] = [];
  for await (const slices of watch) numbers.push(slices.map((slice) => slice.number));
  return numbers;
}

describe('watchSlices', () => {
  it('yields a slice when the next one exists, never the one that grows, the last when dar ended', async () => {
    const a = await archive();
    const watch = a.watch();
    await a.complete(1, 'one');
    const first = watch.next();
    await a.grow(2, 'tw');
    expect((await first).value).toEqual([{ number: 1, file: a.file(1), bytes: 3, sha512: sha512('one') }]);
    await rm(a.file(1));
    const second = watch.next();
    await a.complete(2, 'two');
    await a.grow(3, '');
    expect((await second).value).toMatchObject([{ number: 2, sha512: sha512('two') }]);
    const last = watch.next();
    await a.complete(3, 'three');
    await writeFile(join(a.dir, 'b.1.10x.dar'), '');
    a.finish();
    expect((await last).value).toMatchObject([{ number: 3 }]);
    expect((await watch.next()).done).toBe(true);
  });

  it('waits for a hash that is empty, cut, or of another slice', async () => {
    const a = await archive();
    await a.complete(1, 'one', 'b.1.2.dar');
    await a.complete(2, 'two');
    const watch = a.watch();
    const first = watch.next();
    await writeFile(`${a.file(1)}.sha512`, sha512('one').slice(0, 50));
    expect(await Promise.race([first, new Promise((resolve) => setTimeout(() => { resolve('still waiting'); }, 30))])).toBe('still waiting');
    await a.complete(1, 'one');
    expect((await first).value).toMatchObject([{ number: 1 }]);
    a.finish();
    expect(await all(watch)).toEqual([[2]]);
  });

  it('hashes the last slice anew after an interruption', async () => {
    const a = await archive();
    await a.complete(1, 'one');
    await a.grow(2, 'cut short');
    a.finish({ meaning: 'interrupted' });
    const slices = [];
    for await (const batch of a.watch()) slices.push(...batch);
    expect(slices.map((slice) => slice.sha512)).toEqual([sha512('one'), sha512('cut short')]);
    await expect(all(a.watch({ rehashLast: false }))).rejects.toThrow(code('DAR_SLICES_MISSING'));
  });

  it('misses a gap, an empty slice, and an archive without slices', async () => {
    const gap = await archive();
    await gap.complete(1, 'one');
    await gap.complete(3, 'three');
    gap.finish();
    await expect(all(gap.watch())).rejects.toThrow(code('DAR_SLICES_MISSING'));
    const empty = await archive();
    await empty.complete(1, '');
    empty.finish();
    await expect(all(empty.watch())).rejects.toThrow(code('DAR_SLICES_MISSING'));
    const none = await archive();
    none.finish();
    await expect(all(none.watch())).rejects.toThrow(code('DAR_SLICES_MISSING'));
  });

  it('ends with the failure of dar', async () => {
    const a = await archive();
    await a.complete(1, 'one');
    await expect(all(a.watch({ finished: Promise.reject(new Error('dar failed')) }))).rejects.toThrow('dar failed');
  });
});
