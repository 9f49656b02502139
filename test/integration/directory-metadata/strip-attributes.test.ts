import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bytePath } from '../../../shared/paths/byte-path.js';
import { run } from '../../../shared/process/index.js';
import { stripAttributes } from '../../../worker/directory-metadata/strip-attributes.js';
import { workspace } from '../../helpers/workspace.js';

it('takes ACLs, default ACLs and attributes of the directories named, and of no other, whatever their names are', async () => {
  const dir = await workspace();
  const names = ['plain', 'new\nline', '-dash', 'kept'];
  for (const name of names) mkdirSync(join(dir, name));
  for (const name of names.slice(1)) {
    await run({ program: 'setfacl', args: ['-m', 'u:1:rwx,d:u:2:rwx', '--', join(dir, name)] });
    await run({ program: 'setfattr', args: ['-n', 'user.odd=name', '-v', '1', '--', join(dir, name)] });
  }
  const { signal } = new AbortController();
  expect(await stripAttributes(bytePath.fromText(dir), names.slice(0, 3).map((name) => bytePath.fromText(name)), signal)).toEqual({ removed: 6, complaint: null });
  const left = async (name: string): Promise<string> => (await run({ program: 'getfattr', args: ['-m', '^user|acl', '--absolute-names', '--', join(dir, name)] })).stdout.toString('latin1');
  for (const name of names.slice(0, 3)) expect(await left(name)).toBe('');
  expect((await left('kept')).split('\n').filter((line) => /^(user|system)/.test(line))).toHaveLength(3);
});
