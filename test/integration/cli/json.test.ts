import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { checkOutput, showOutput } from '../../../producer/cli/config/outputs.js';
import {
  backupOutput, backupsOutput, capacityOutput, errorOutput, exceptionLineOutput, lsLine, planOutput, rebuildOutput, restoreOutput, standaloneOutput, statusOutput,
} from '../../../producer/cli/outputs.js';
import { doctorOutput } from '../../../producer/cli/doctor/outputs.js';
import { shardsOutput } from '../../../producer/cli/plan-shards-command.js';
import { reconcileOutput } from '../../../producer/cli/reconcile-outputs.js';
import { tasksOutput } from '../../../producer/cli/tasks/outputs.js';
import { verifyOutput } from '../../../producer/cli/verify-outputs.js';
import { importOutput } from '../../../producer/cli/import-command.js';
import { diffLine, findLine, historyLine } from '../../../producer/cli/version-outputs.js';
import { run } from '../../../shared/process/index.js';
import { compiledProduct } from '../../faults/compiled-product.js';
import { cliSite } from './cli-site.js';
import { runCli } from './cli-process.js';

const product = compiledProduct();

describe('--json', () => {
  it('every command prints what is documented, and nothing else on standard output', { timeout: 180_000 }, async () => {
    const site = await cliSite();
    await site.write({ 'alice/sub/a.txt': 'a', 'alice/b.txt': 'bb', 'bob/c.txt': 'ccc' });
    const json = async <T>(schema: z.ZodType<T>, code: number, ...args: string[]): Promise<T> => {
      const end = await runCli(product, [...args, '--json'], { config: site.configFile });
      expect(end, args.join(' ')).toMatchObject({ code, stderr: '' });
      return schema.parse(JSON.parse(end.stdout));
    };
    const lines = async <T>(schema: z.ZodType<T>, code: number, ...args: string[]): Promise<T[]> => {
      const end = await runCli(product, [...args, '--json'], { config: site.configFile });
      expect(end, args.join(' ')).toMatchObject({ code, stderr: '' });
      return end.stdout.split('\n').filter((line) => line !== '').map((line) => schema.parse(JSON.parse(line)));
    };

    expect((await json(checkOutput, 0, 'config', 'check')).ok).toBe(true);
    expect((await json(showOutput, 0, 'config', 'show')).config.host).toBe('here');
    expect(await json(statusOutput, 0, 'status')).toEqual({ v: 1, basepaths: [], copies: [], running: null, topdirRestores: null, queues: null, parked: null, drained: null, outages: null, tasks: null, hangs: null, reconciled: null });
    expect(await json(backupOutput, 0, 'backup', site.at('top/alice'))).toMatchObject({ existing: false, state: 'sealed', outcome: 'clean' });
    expect(await json(standaloneOutput, 0, 'standalone', '--once')).toMatchObject({ sealed: 1, failed: 0, unfinished: 0, topdirs: [{ found: 2, enqueued: 1, error: null }] });
    expect(await json(statusOutput, 0, 'status')).toMatchObject({ basepaths: [{ state: 'ok', records: 4 }, { state: 'ok', records: 2 }] });
    expect(await json(statusOutput, 0, 'status', '--check')).toMatchObject({ basepaths: [] });
    expect(await json(planOutput, 0, 'plan')).toEqual({ v: 1, live: false, plan: [], excluded: null });
    const alice = await json(planOutput, 0, 'plan', site.at('top/alice'));
    expect(alice).toMatchObject({ plan: [{ kind: 'full', act: 'nothing', level: 'full' }, { kind: 'other', act: 'nothing', level: 'incremental' }], excluded: { entries: 0, bytes: '0', paths: [] } });
    expect(await json(capacityOutput, 0, 'plan', '--capacity', '--slots', '3')).toMatchObject({ slots: 3, fits: true, topdirs: [{ basepaths: 2, measured: 2 }] });
    const doctor = await json(doctorOutput, 0, 'doctor');
    expect(doctor.checks.filter(({ state }) => state === 'fail')).toEqual([]);
    expect(doctor.checks.map(({ area }) => area)).toEqual(['dar', 'redis', 'hosts', 'clock', ...Array<string>(5).fill('directory'), 'topdir', 'lts']);
    const { shards, ...planned } = await json(shardsOutput, 0, 'plan', '--shards', site.at('top/alice'));
    expect(planned).toMatchObject({ records: 4, directories: 2, sourceBytes: '3', limits: { files: 300_000, bytesPerFile: 850 } });
    expect(shards).toMatchObject([{ number: 1, kind: 'plain', files: 2, directories: 1, bytes: '3', first: 'b.txt', last: 'sub/a.txt', slices: 1 }]);
    expect(await json(backupOutput, 0, 'consolidate', site.at('top/bob'))).toMatchObject({ level: 'full', state: 'sealed', outcome: 'clean' });
    expect(await json(backupsOutput, 0, 'backups', site.at('top/bob'))).toMatchObject({ backups: [{ records: 2 }, { records: 2 }] });
    const { backups } = await json(backupsOutput, 0, 'backups', site.at('top/alice'));
    expect(backups).toMatchObject([{ path: site.at('top/alice'), sourceBytes: '3' }]);
    const backupId = backups[0]?.backupId ?? '';
    expect((await lines(lsLine, 0, 'ls', backupId)).map(({ path }) => path)).toEqual(['.', 'b.txt', 'sub', 'sub/a.txt']);
    expect(await lines(findLine, 0, 'find', 'a.txt')).toMatchObject([{ path: 'sub/a.txt', backupId, state: 'saved', versions: 1 }]);
    expect(await lines(findLine, 4, 'find', 'a.txt', '--basepath', site.at('top/bob'))).toEqual([]);
    expect(await lines(historyLine, 0, 'history', site.at('top/alice/b.txt'))).toMatchObject([{ path: 'b.txt', state: 'saved', size: '2', heldBy: backupId, backups: 1 }]);
    expect(await lines(diffLine, 0, 'diff', backupId, backupId)).toEqual([]);
    expect(await lines(lsLine, 4, 'ls', backupId, 'nothing*')).toEqual([]);
    expect(await lines(exceptionLineOutput, 0, 'exceptions', backupId)).toEqual([]);
    const restored = await json(restoreOutput, 0, 'restore', site.at('top/alice'), '--to', site.at('restore/r1'), '--compare', site.at('top/alice'));
    expect(restored).toMatchObject({ state: 'done', outcome: 'clean', problemCount: 0, compared: { same: true, entries: 4, differences: [] } });
    const verified = await json(verifyOutput, 0, 'verify', site.at('top/alice'), '--level', 'restore', '--wait');
    expect(verified.verifications).toMatchObject([{ backupId, state: 'done', outcome: 'sound', files: 4, problems: [] }]);
    expect((await json(verifyOutput, 0, 'verify', '--sample', '10%')).verifications).toMatchObject([{ outcome: 'sound', samplePercent: 10 }, { outcome: 'sound' }]);
    expect((await json(statusOutput, 0, 'status')).basepaths[0]).toMatchObject({ lastProvenBackupId: backupId, lastVerified: { method: 'catalog' } });
    await run({ program: 'dar', args: ['-c', site.at('lts/by-hand'), '-R', site.at('top/bob'), '-Q', '-N'] });
    expect(await json(importOutput, 0, 'import', site.at('top/bob'), '--archive', site.at('lts/by-hand'))).toMatchObject({ level: 'full', records: 2, copied: false });
    expect((await json(backupsOutput, 0, 'backups', site.at('top/bob'))).backups.map(({ imported, verified: proof }) => [imported, proof])).toEqual([[false, null], [false, 'catalog'], [true, null]]);
    await site.write({ 'alice/b.txt': 'other' });
    const differs = await json(restoreOutput, 1, 'restore', site.at('top/alice'), '--to', site.at('restore/r2'), '--compare', site.at('top/alice'));
    expect(differs.compared).toMatchObject({ same: false });
    expect(await json(tasksOutput, 0, 'tasks', 'list')).toEqual({ v: 1, tasks: [], outboxes: [] });
    expect(await json(reconcileOutput, 0, 'reconcile', '--dry-run', '--lts')).toEqual({ v: 1, dryRun: true, findings: [], problems: [], hostsWithoutWorker: ['here'] });
    expect(await json(rebuildOutput, 0, 'catalog', 'rebuild')).toEqual({ v: 1, backups: 4, basepaths: 2, adopted: [], fromLts: null, problems: [] });
    expect(await json(standaloneOutput, 0, 'standalone', '--once')).toMatchObject({ sealed: 0, topdirs: [{ found: 2, added: 0, enqueued: 0 }] });
  });

  it('a failure is JSON too, with its exit code, and text on standard error', async () => {
    const site = await cliSite();
    await site.write({ 'alice/a.txt': 'a' });
    const error = async (code: number, args: readonly string[], config = site.configFile): Promise<z.infer<typeof errorOutput>['error']> => {
      const end = await runCli(product, [...args, '--json'], { config });
      expect(end.code, args.join(' ')).toBe(code);
      const { error: found } = errorOutput.parse(JSON.parse(end.stdout));
      expect(end.stderr).toContain(`${found.code}: ${found.message}`);
      expect(end.stderr).toContain(`  -> ${found.hint}`);
      return found;
    };
    expect(await error(4, ['backups', 'nobody'])).toMatchObject({ code: 'BASEPATH_UNKNOWN', subject: 'nobody' });
    expect(await error(4, ['ls', '01ABC'])).toMatchObject({ code: 'BACKUP_NOT_FOUND' });
    expect(await error(4, ['history', '/nowhere/a'])).toMatchObject({ code: 'BASEPATH_UNKNOWN' });
    expect(await error(2, ['restore', 'alice'])).toMatchObject({ code: 'USAGE' });
    expect(await error(2, ['worker'])).toMatchObject({ code: 'REDIS_NOT_CONFIGURED' });
    expect(await error(5, ['backup', site.at('top/alice'), '--set', `redis.url=${site.at('no.sock')}`])).toMatchObject({ code: 'REDIS_UNREACHABLE', subject: site.at('no.sock') });
    const wrong = await site.configure('wrong.yaml', { dar: { sliceSize: '1G' }, logging: { level: 'loud' } });
    for (const command of [['status'], ['backup', 'x'], ['standalone', '--once'], ['producer']]) {
      const { code, detail } = await error(2, command, wrong);
      expect(code).toBe('CONFIG_INVALID');
      expect(detail).toMatch(/dar\.sliceSize "1G" is not a size\n {2}-> Use bytes[^]*logging\.level "loud" is not known\n {2}-> Use one of trace/);
    }
    expect(await error(1, ['import', site.at('top/alice'), '--archive', site.at('lts/none')])).toMatchObject({ code: 'IMPORT_NO_SLICES' });
    expect(await error(2, ['verify', '--sample', 'all'])).toMatchObject({ code: 'USAGE' });
    await rm(site.at('lts'), { recursive: true });
    expect((await error(2, ['backup', site.at('top/alice')])).detail).toContain('does not exist');
    expect((await runCli(product, ['status'], { config: site.configFile })).code).toBe(1); // who only looks needs no long-term storage
  });
});
