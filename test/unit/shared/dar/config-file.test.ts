import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keyArgs, quoteDcf, withHiddenArgs } from '../../../../shared/dar/config-file.js';
import { workspace } from '../../../helpers/workspace.js';

const unusable = expect.objectContaining({ code: 'DAR_KEY_UNUSABLE' }) as Error;

describe('dar configuration file', () => {
  it('escapes what ends a word, a line, or starts a comment, and keeps every other byte', () => {
    expect(quoteDcf('a b').toString()).toBe('"a b"');
    expect(quoteDcf('q"\'`\\').toString()).toBe('"q\\"\\\'\\`\\\\"');
    expect(quoteDcf('x\n#y\tz\r').toString()).toBe('"x\\\n\\#y\\\tz\\\r"');
    expect(quoteDcf(Buffer.from([0xff, 0x01]))).toEqual(Buffer.from([0x22, 0xff, 0x01, 0x22]));
    expect(() => quoteDcf('a\0b')).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  });

  it('is private, and gone afterwards also when its use fails', async () => {
    const dir = await workspace();
    const seen = await withHiddenArgs(dir, ['-K', 'secret'], async ([option, file]) => [option, await readFile(String(file), 'utf8'), (await stat(String(file))).mode & 0o777]);
    expect(seen).toEqual(['-B', '"-K"\n"secret"\n', 0o600]);
    await expect(withHiddenArgs(dir, ['x'], () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await readdir(dir)).toEqual([]);
  });

  it('is not made for nothing', async () => {
    expect(await withHiddenArgs('/no/such/dir', [], (args) => Promise.resolve(args))).toEqual([]);
  });
});

describe('keyArgs', () => {
  const encryption = (keyFile: string) => ({ keyFile, cipher: 'aes256', keyId: 'k1' });

  it('gives the passphrase as it stands in the file, without the last newline', async () => {
    const file = join(await workspace(), 'key');
    await writeFile(file, 'p\u00e4ss "word"\n\n', { mode: 0o600 });
    const key = Buffer.from('aes256:p\u00e4ss "word"\n');
    expect(await keyArgs(encryption(file), ['-K', '-$'])).toEqual(['-K', key, '-$', key]);
    expect(await keyArgs(null, ['-K'])).toEqual([]);
  });

  it('refuses a file that is missing, empty, readable by others, or holds NUL', async () => {
    const dir = await workspace();
    await writeFile(join(dir, 'empty'), '\n', { mode: 0o600 });
    await writeFile(join(dir, 'nul'), 'a\0b', { mode: 0o600 });
    await writeFile(join(dir, 'open'), 'secret', { mode: 0o640 });
    for (const name of ['missing', 'empty', 'nul', 'open']) {
      await expect(keyArgs(encryption(join(dir, name)), ['-K'])).rejects.toThrow(unusable);
    }
  });
});
