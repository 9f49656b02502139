import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PathStack } from '../../../../shared/index/path-stack.js';
import { workspace } from '../../../helpers/workspace.js';

it('gives back all it was given, newest first, with most of it in a file', async () => {
  const file = join(await workspace(), 'waiting');
  const stack = new PathStack(file, 10);
  const all = Array.from({ length: 95 }, (_, i) => `./d\xff\n${i}//1,${i}`);
  await stack.push(all.slice(0, 15));
  expect(existsSync(file)).toBe(false);
  await stack.push(all.slice(15, 60));
  expect(await stack.take(3)).toEqual(all.slice(57, 60));
  await stack.push(all.slice(57));
  expect(stack.size).toBe(95);
  const most = statSync(file).size;
  const taken: string[] = [];
  while (stack.size > 0) taken.unshift(...(await stack.take(7)));
  expect(taken).toEqual(all);
  await stack.push(all);
  expect(statSync(file).size).toBe(most); // what was taken makes room
  await stack.close();
  expect(existsSync(file)).toBe(false);
});

it('serves several takers at a time', async () => {
  const stack = new PathStack(join(await workspace(), 'waiting'), 4);
  await stack.push(Array.from({ length: 100 }, (_, i) => String(i)));
  const taken: string[] = [];
  const take = async (): Promise<void> => {
    while (stack.size > 0) {
      const some = await stack.take(3);
      taken.push(...some);
      if (some[0]?.endsWith('7') === true) await stack.push([`${some[0]}+`]);
    }
  };
  await Promise.all([take(), take(), take()]);
  await stack.close();
  expect(taken.filter((one) => !one.endsWith('+')).map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(new Set(taken).size).toBe(taken.length);
});
