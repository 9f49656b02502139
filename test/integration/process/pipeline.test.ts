import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { activeChildren, killAll, startPipeline } from '../../../shared/process/index.js';
import { workspace } from '../../helpers/workspace.js';

const sh = (script: string) => ({ program: 'sh', args: ['-c', script] });

describe('startPipeline', () => {
  it('joins programs without losing a byte', async () => {
    const pipeline = startPipeline([{ program: 'seq', args: ['300000'] }, { program: 'sort', args: ['-rn'] }, { program: 'sha256sum', args: [] }]);
    const [output, stages] = await Promise.all([buffer(pipeline.stdout), pipeline.done]);
    const direct = startPipeline([sh('seq 300000 | sort -rn | sha256sum')]);
    expect(output).toEqual(await buffer(direct.stdout));
    expect(stages.map((s) => [s.program, s.status.code])).toEqual([['seq', 0], ['sort', 0], ['sha256sum', 0]]);
  });

  it('reports the status and stderr of each stage, and never rejects for them', async () => {
    const pipeline = startPipeline([sh('echo a; echo first >&2; exit 3'), sh('cat; kill -KILL $$')]);
    expect((await buffer(pipeline.stdout)).toString()).toBe('a\n');
    expect(await pipeline.done).toMatchObject([{ status: { code: 3 }, stderr: Buffer.from('first\n') }, { status: { signal: 'SIGKILL' } }]);
  });

  it('ends the first stage when the second has enough', async () => {
    const pipeline = startPipeline([{ program: 'yes', args: [] }, { program: 'head', args: ['-n1'] }]);
    expect((await buffer(pipeline.stdout)).toString()).toBe('y\n');
    expect((await pipeline.done)[0]?.status.code).not.toBe(0);
  });

  it('bounds stderr and says so', async () => {
    const pipeline = startPipeline([sh('head -c 2000000 /dev/zero >&2')]);
    pipeline.stdout.resume();
    const [stage] = await pipeline.done;
    expect([stage?.stderr.length, stage?.stderrTruncated]).toEqual([1024 * 1024, true]);
  });

  it('reads from a stream, a pipe, or nothing', async () => {
    const fed = startPipeline([{ program: 'cat', args: [] }], { input: Readable.from([Buffer.from('fed')]) });
    expect((await buffer(fed.stdout)).toString()).toBe('fed');
    const piped = startPipeline([{ program: 'cat', args: [] }], { input: 'pipe' });
    piped.stdin?.end('piped');
    expect((await buffer(piped.stdout)).toString()).toBe('piped');
    const none = startPipeline([{ program: 'cat', args: [] }]);
    expect((await buffer(none.stdout)).toString()).toBe('');
    await Promise.all([fed.done, piped.done, none.done]);
  });

  it('fails when its input fails, instead of taking that for the end', async () => {
    const broken = new Readable({ read() { this.destroy(new Error('disk gone')); } });
    const pipeline = startPipeline([{ program: 'cat', args: [] }], { input: broken });
    const reading = buffer(pipeline.stdout);
    await expect(pipeline.done).rejects.toThrow('disk gone');
    await expect(reading).rejects.toThrow('disk gone');
  });

  it('does not mind a first stage that reads only a part of its input', async () => {
    const pipeline = startPipeline([{ program: 'head', args: ['-c1'] }], { input: Readable.from([Buffer.alloc(5_000_000, 'x')]) });
    expect((await buffer(pipeline.stdout)).toString()).toBe('x');
    expect((await pipeline.done)[0]?.status.code).toBe(0);
  });

  it('writes the last stage into a new private file', async () => {
    const file = join(await workspace(), 'out');
    await startPipeline([sh('echo x')], { stdoutFile: file }).done;
    expect([await readFile(file, 'utf8'), (await stat(file)).mode & 0o777]).toEqual(['x\n', 0o600]);
    expect(() => startPipeline([sh('echo y')], { stdoutFile: file })).toThrow(expect.objectContaining({ code: 'OUTPUT_NOT_CREATED' }));
    expect(await readFile(file, 'utf8')).toBe('x\n');
  });

  it('stops all stages on abort, and on killAll, and leaves none behind', async () => {
    const controller = new AbortController();
    const aborted = startPipeline([{ program: 'sleep', args: ['60'] }, { program: 'sleep', args: ['61'] }], { signal: controller.signal });
    expect(activeChildren().map((child) => child.program)).toEqual(['sleep', 'sleep']);
    controller.abort();
    expect((await aborted.done).map((s) => s.status.signal)).toEqual(['SIGTERM', 'SIGTERM']);
    const killed = startPipeline([sh('trap "" TERM; echo ready; sleep 60 & wait; sleep 60')]);
    await new Promise((resolve) => killed.stdout.once('data', resolve));
    await killAll({ graceMs: 50 });
    expect((await killed.done)[0]?.status.signal).toBe('SIGKILL');
    expect(activeChildren()).toEqual([]);
  });

  it('starts nothing when a later program is missing', () => {
    expect(() => startPipeline([{ program: 'sleep', args: ['60'] }, { program: 'no-such-program', args: [] }])).toThrow(
      expect.objectContaining({ code: 'PROGRAM_NOT_FOUND' }),
    );
  });
});
