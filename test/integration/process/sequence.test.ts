import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSequence } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';

it('programs one after the other with any argument, until one ends otherwise than it may', async () => {
  const dir = await workspace();
  const out = { stdout: join(dir, 'out'), stderr: join(dir, 'err') };
  const odd = Buffer.from("a b'\"$(exit 3)\\\n\xff", 'latin1');
  const statuses = await runSequence([
    { command: { program: 'printf', args: ['%s|', odd, ''] }, ...out },
    { script: 'printf "%s %s" "$1" "$2" >&2\nexit 7', args: ['first', '*'], ...out, okCodes: [0, 7] },
    { command: { program: 'sh', args: ['-c', 'echo "$NAME"; kill -KILL $$'], env: { NAME: 'x y' } }, ...out },
    { command: { program: 'printf', args: ['never'] }, ...out },
  ]);
  expect(statuses).toEqual([{ code: 0, signal: null }, { code: 7, signal: null }, { code: null, signal: 'SIGKILL' }]);
  expect(await readFile(out.stdout)).toEqual(Buffer.concat([odd, Buffer.from('||x y\n')]));
  expect(await readFile(out.stderr, 'latin1')).toMatch(/^first \*/);
  expect((await stat(out.stdout)).mode & 0o777).toBe(0o600);
});
