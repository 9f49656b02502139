import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { run, setNiceness, startGuarded } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';

/** nice value of a process by /proc: the 19th field, the 17th behind the name. */
const PRINT_NICE = "sed 's/.*) //' /proc/self/stat | cut -d' ' -f17";

it('a polite program has the nice value that is set when it starts, whichever way it starts; others have ours', async () => {
  const dir = await workspace();
  onTestFinished(() => { setNiceness({ nice: null, ioClass: null }); });
  const command = { program: 'sh', args: ['-c', PRINT_NICE] };
  const ours = Number((await run(command)).stdout);
  setNiceness({ nice: 7, ioClass: 'best-effort:7' });
  const nicer = Math.min(19, ours + 7);
  expect(Number((await run({ ...command, polite: true })).stdout)).toBe(nicer);
  expect(Number((await run(command)).stdout)).toBe(ours);
  const logFile = join(dir, 'log');
  const child = await startGuarded({ ...command, polite: true }, { logFile, stagingDir: dir });
  expect(await child.exited).toMatchObject({ code: 0 });
  expect(Number(await readFile(logFile, 'utf8'))).toBe(nicer);
});
