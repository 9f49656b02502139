import { randomBytes } from 'node:crypto';
import { access, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, inject } from 'vitest';
import { bundleProduct } from '../helpers/bundle-product.js';

export interface CompiledProduct {
  /** Directory with `bin/bw-bkup.js` and all it imports, readable by every user. Shared by the test files of this run. */
  readonly dir: string;
}

/** JavaScript of the whole product, for tests that run it as processes of their own; whichever test file is first makes it. */
export function compiledProduct(): CompiledProduct {
  const dir = join(inject('compiled'), 'product');
  beforeAll(async () => {
    if (await isThere(dir)) return;
    const own = `${dir}.${randomBytes(6).toString('hex')}`;
    await bundleProduct(own, dir);
    await rename(own, dir).catch(async (thrown: unknown) => {
      if (!(await isThere(dir))) throw thrown;
      await rm(own, { recursive: true }); // another one was faster
    });
  });
  return { dir };
}

function isThere(dir: string): Promise<boolean> {
  return access(dir).then(() => true, () => false);
}
