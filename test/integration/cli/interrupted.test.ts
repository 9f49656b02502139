import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { standaloneOutput, statusOutput } from '../../../producer/cli/outputs.js';
import { until } from '../bad-input/until.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { cliSite, slowLts, type CliSite } from './cli-site.js';
import { pidNaming, runCli, startCli, untilNothingRunsIn, type CliProcess } from './cli-process.js';

const product = compiledProduct();

/** A site with a basepath whose backup takes a minute with `slow`, and no time with `fast`. */
async function siteWithWork(): Promise<CliSite & { readonly slow: string; readonly fast: string }> {
  const site = await cliSite();
  await site.write({ 'alice/big': randomBytes(1 << 20), 'alice/small': 'x' });
  return { ...site, slow: await site.configure('slow.yaml', slowLts((name) => site.at(name))), fast: site.configFile };
}

/** Started with --verbose, so that it says when a shard is being saved. */
async function saving(command: CliProcess): Promise<CliProcess> {
  await command.said(/"msg":"planned"/);
  return command;
}

const once = ['standalone', '--once'];

describe('a signal in the middle of a backup', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s gives the work back at once; the next call finishes it', async (signal) => {
    const site = await siteWithWork();
    const first = await saving(startCli(product, [...once, '--json', '--verbose'], { config: site.slow }));
    const asked = performance.now();
    first.child.kill(signal);
    const end = await first.end;
    expect(performance.now() - asked).toBeLessThan(8_000);
    expect(end).toMatchObject({ code: signal === 'SIGTERM' ? 143 : 130, signal: null });
    expect(standaloneOutput.parse(JSON.parse(end.stdout))).toMatchObject({ sealed: 0, failed: 0, unfinished: 1 });
    await untilNothingRunsIn(site.dir);
    const second = await runCli(product, [...once, '--json'], { config: site.fast });
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(standaloneOutput.parse(JSON.parse(second.stdout))).toMatchObject({ sealed: 1, failed: 0, unfinished: 0, topdirs: [{ enqueued: 0 }] });
    expect(await readdir(site.at('staging/here')).catch(() => [])).toEqual([]);
  });

  it('SIGKILL leaves nothing running either, and the next call goes on without waiting for locks', async () => {
    const site = await siteWithWork();
    const first = await saving(startCli(product, [...once, '--verbose'], { config: site.slow }));
    first.child.kill('SIGKILL');
    expect((await first.end).signal).toBe('SIGKILL');
    await untilNothingRunsIn(site.dir);
    const second = await runCli(product, [...once, '--json'], { config: site.fast });
    expect(second.stderr).toContain('jobs of a process that was killed are given back');
    expect(standaloneOutput.parse(JSON.parse(second.stdout))).toMatchObject({ sealed: 1, failed: 0, unfinished: 0 });
  });

  it('a second signal ends the process at once, also where the first cannot be obeyed, and with it all it started', async () => {
    const site = await siteWithWork();
    const command = await saving(startCli(product, [...once, '--verbose'], { config: site.slow }));
    process.kill(await pidNaming(`redis-server unixsocket:${site.dir}`), 'SIGSTOP'); // nothing can be given back
    command.child.kill('SIGTERM');
    await command.said(/SIGTERM: stopping/);
    expect(command.child.exitCode).toBeNull();
    command.child.kill('SIGTERM');
    expect((await command.end).code).toBe(143);
    await untilNothingRunsIn(site.dir);
  });

  it('a restore that works by itself is cancelled, not continued by the next command', async () => {
    const site = await siteWithWork();
    expect((await runCli(product, ['backup', site.at('top/alice')], { config: site.fast })).code).toBe(0);
    const restore = startCli(product, ['restore', site.at('top/alice'), '--to', site.at('restore/r'), '--json', '--verbose'], { config: site.slow });
    await restore.said(/"msg":"worker ready"/);
    await until('the target is made', () => readdir(site.at('restore/r')).catch(() => null));
    restore.child.kill('SIGINT');
    const end = await restore.end;
    expect(end.code).toBe(130);
    expect(JSON.parse(end.stdout)).toMatchObject({ state: 'failed', error: expect.stringContaining('RESTORE_CANCELLED') as string });
    const next = await runCli(product, [...once, '--verbose'], { config: site.fast });
    expect(next.code).toBe(0);
    expect(next.stderr).not.toContain('restore-archive');
    expect(await readdir(site.at('staging/here')).catch(() => [])).toEqual([]);
    await untilNothingRunsIn(site.dir);
  });
});

describe('a standalone that runs', () => {
  it('does what commands ask for; a second one is refused; it ends with exit 0', async () => {
    const site = await siteWithWork();
    const slow = { config: site.slow };
    const standalone = startCli(product, ['standalone'], slow);
    await standalone.said(/"msg":"topdir scanned"/);
    const second = await runCli(product, ['standalone'], slow);
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('STANDALONE_RUNNING') as string });
    await standalone.said(/"msg":"planned"/);
    const asked = await runCli(product, ['backup', site.at('top/alice')], slow);
    expect(asked).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/is waiting or running already\. Follow it with: bw-bkup status/) as string });
    const status = statusOutput.parse(JSON.parse((await runCli(product, ['status', '--json'], slow)).stdout));
    expect(status).toMatchObject({ basepaths: [{ state: 'never' }], running: [{ kind: 'backup', phase: 'saving' }] });
    const waiting = startCli(product, ['backup', site.at('top/alice'), '--wait'], slow);
    await waiting.said(/waiting for it/);
    waiting.child.kill('SIGINT');
    expect(await waiting.end).toMatchObject({ code: 130, stdout: expect.stringContaining('running already') as string }); // only the waiting ends
    expect(standalone.child.exitCode).toBeNull();
    standalone.child.kill('SIGTERM');
    expect((await standalone.end).code).toBe(0);
    await untilNothingRunsIn(site.dir);
  });

  it('commands started together share one worker, which stays until all are served', async () => {
    const site = await siteWithWork();
    await site.write({ 'bob/small': 'x', 'carol/small': 'x' });
    const all = await Promise.all(['alice', 'bob', 'carol'].map((name) => runCli(product, ['backup', '--wait', site.at(`top/${name}`)], { config: site.fast })));
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0]);
    const owners = all.filter(({ stderr }) => stderr.includes('other bw-bkup commands use the worker'));
    expect(owners.length).toBeLessThanOrEqual(1);
    await untilNothingRunsIn(site.dir);
  });
});
