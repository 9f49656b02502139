import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { activeChildren, hasProgram, run } from '../../../shared/process/index.js';
import { withinMs } from '../../../shared/signals/within-ms.js';
import { workspace } from '../../helpers/workspace.js';

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;
const odd = ['-n', '-', '', ' a  b ', "quote ' \" `x` $(id)", 'back\\slash \\0101', '*', 'line\nbreak', 'end\n\n', '=x', '%b'];
const bytes = [Buffer.from([0xff]), Buffer.from([0x2d, 0xff, 0x0a]), Buffer.from([0xff, 0x0a, 0x0a]), Buffer.from([0xfe, 0x5c, 0x30, 0x27, 0x22, 0x01])];

describe('run', () => {
  it('collects output and status', async () => {
    const result = await run({ program: 'sh', args: ['-c', 'cat; echo e >&2; exit 3'] }, { input: Buffer.from('in'), okCodes: [3] });
    expect(result).toMatchObject({ status: { code: 3, signal: null }, stderr: 'e\n' });
    expect(result.stdout.toString()).toBe('in');
  });

  it('gives every argument to the program byte for byte', async () => {
    const args = [...odd, ...bytes];
    const { stdout } = await run({ program: 'printf', args: ['%s\\0', ...args] });
    expect(stdout).toEqual(Buffer.concat(args.map((a) => Buffer.concat([Buffer.from(a), Buffer.alloc(1)]))));
  });

  it('runs in a directory whose name is not text', async () => {
    const dir = Buffer.concat([Buffer.from(`${await workspace()}/`), Buffer.from([0x2d, 0xff, 0x0a])]);
    await mkdir(dir);
    await writeFile(Buffer.concat([dir, Buffer.from('/inside')]), '');
    expect((await run({ program: 'ls', args: [], cwd: dir })).stdout.toString()).toBe('inside\n');
  });

  it('gives programs a minimal environment', async () => {
    process.env['BW_TEST_LEAK'] = 'x';
    const { stdout } = await run({ program: 'env', args: [], env: { MINE: '1' } });
    delete process.env['BW_TEST_LEAK'];
    expect(stdout.toString().split('\n').filter(Boolean).map((line) => line.split('=')[0]).sort()).toEqual(['HOME', 'LC_ALL', 'MINE', 'PATH', 'TMPDIR']);
  });

  it('tells failures apart', async () => {
    await expect(run({ program: 'no-such-program', args: [] })).rejects.toThrow(code('PROGRAM_NOT_FOUND'));
    await expect(run({ program: 'sh', args: ['-c', 'echo why >&2; exit 2'] })).rejects.toMatchObject({ code: 'PROGRAM_FAILED', detail: 'why' });
    await expect(run({ program: 'sleep', args: ['60'] }, { timeoutMs: 20 })).rejects.toThrow(code('PROGRAM_TIMEOUT'));
    await expect(withinMs(20, undefined, (signal) => run({ program: 'sleep', args: ['60'] }, { signal }))).rejects.toThrow(code('PROGRAM_ABORTED'));
    await expect(run({ program: 'sleep', args: ['60'] }, { signal: AbortSignal.abort() })).rejects.toThrow(code('PROGRAM_ABORTED'));
    await expect(run({ program: 'echo', args: ['too much'] }, { maxOutputBytes: 3 })).rejects.toThrow(code('PROGRAM_OUTPUT_TOO_LARGE'));
    await expect(run({ program: 'ls', args: [], cwd: '/no/such/dir' })).rejects.toThrow(code('PROGRAM_START_FAILED'));
    expect(activeChildren()).toEqual([]);
  });

  it('knows what is installed', async () => {
    const file = join(await workspace(), 'not-executable');
    await writeFile(file, '', { mode: 0o600 });
    expect([hasProgram('sh'), hasProgram('no-such-program'), hasProgram(file)]).toEqual([true, false, false]);
  });
});
