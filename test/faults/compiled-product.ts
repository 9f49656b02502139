import { access, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, inject } from 'vitest';
import { bundleProduct } from '../helpers/bundle-product.js';
import { until } from '../integration/bad-input/until.js';

/** 3 s where nothing else runs. */
const MAKING_MS = 50_000;

export interface CompiledProduct {
  /** Directory with `bin/bw-bkup.js` and all it imports, readable by every user. Shared by the test files of this run. */
  readonly dir: string;
}

/** JavaScript of the whole product, for tests that run it as processes of their own; whichever test file is first makes it. */
export function compiledProduct(): CompiledProduct {
  const dir = join(inject('compiled'), 'product');
  beforeAll(async () => {
    const isFirst = await mkdir(`${dir}.begun`).then(() => true, (thrown: unknown) => {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
      return false;
    });
    if (isFirst) {
      await bundleProduct(`${dir}.making`, dir);
      await rename(`${dir}.making`, dir);
    }
    await until('another test file has made the product', () => access(dir).then(() => true as const, () => null), MAKING_MS);
  });
  return { dir };
}
