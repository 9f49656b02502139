import { describe, expect, it } from 'vitest';
import { judgeReport } from '../../../deploy/test-report.js';

const passed = { fullName: 'a works', status: 'passed', meta: {} };
const failed = { fullName: 'b works', status: 'failed', meta: {} };
const skipped = { fullName: 'c works', status: 'skipped', meta: { skipReason: 'needs root' } };
const todo = { fullName: 'd works', status: 'todo', meta: {} };

function report(...files: { status?: string; message?: string; tests: object[] }[]): string {
  const testResults = files.map(({ status = 'passed', message = '', tests }, i) => ({ name: `file-${i}`, status, message, assertionResults: tests }));
  return JSON.stringify({ testResults });
}

describe('the verdict on a test run', () => {
  it('counts, and lists skips with their reasons above the last line', () => {
    expect(judgeReport(report({ tests: [passed, skipped] }, { tests: [passed, todo] }), 0)).toEqual({
      ok: true,
      text: 'SKIPPED  c works: needs root\nSKIPPED  d works: no reason given\n2 passed, 0 failed, 2 skipped\n',
    });
  });

  it('prints the matrix of faults before the verdict, rows of several tests summed', () => {
    const row = (fault: string, state: string, runs = 1, losses = 0): object => ({ fault, state, runs, losses });
    const tests = [
      { ...passed, meta: { faults: [row('kill -9', 'seal'), row('kill -9', 'plan', 2)] } },
      { ...passed, meta: { faults: [row('kill -9', 'seal')] } },
      { ...skipped, meta: { skipReason: 'needs root', faults: [row('cut off', 'seal', 0)] } },
    ];
    const matrix = [
      'fault    state   runs  losses',
      'cut off  seal      0       0  skipped, see below',
      'kill -9  plan      2       0',
      'kill -9  seal      2       0',
      '3 faults x states, 4 runs, losses = 0',
    ];
    expect(judgeReport(report({ tests }), 0)).toEqual({ ok: true, text: `${matrix.join('\n')}\n\nSKIPPED  c works: needs root\n2 passed, 0 failed, 1 skipped\n` });
    const lossy = [{ ...failed, meta: { faults: [row('kill -9', 'seal', 1, 1)] } }, { ...failed, meta: { faults: [row('kill -9', 'plan')] } }];
    expect(judgeReport(report({ tests: lossy }), 1).text.split('\n').slice(1, 4)).toEqual([
      'kill -9  plan      1       0  failed: 1',
      'kill -9  seal      1       1',
      '2 faults x states, 2 runs, losses = 1, 1 tests failed before they were looked at',
    ]);
  });

  it('fails with a failed test', () => {
    expect(judgeReport(report({ status: 'failed', tests: [passed, failed] }), 1)).toEqual({ ok: false, text: 'FAILED   b works\n1 passed, 1 failed, 0 skipped\n' });
  });

  it('says why a test failed, at the end, where it is seen: its beginning, without the frames of packages', () => {
    const messages = ['Error: 1 is not 2\n\n    at file.ts:1\n    at /some/node_modules/vitest/runner.js:2', `${'long '.repeat(200)}\n${'line\n'.repeat(50)}`];
    const lines = judgeReport(report({ status: 'failed', tests: [{ ...failed, failureMessages: messages }] }), 1).text.split('\n');
    expect(lines.slice(0, 3)).toEqual(['FAILED   b works', '           Error: 1 is not 2', '               at file.ts:1']);
    expect(lines).toHaveLength(1 + 2 + 16 + 2);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(420);
    expect(lines.at(-2)).toBe('0 passed, 1 failed, 0 skipped');
  });

  it('fails with a file that could not be loaded', () => {
    const text = report({ tests: [passed] }, { status: 'failed', message: 'Cannot find module\nstack', tests: [] });
    expect(judgeReport(text, 1)).toEqual({ ok: false, text: 'FAILED   file-1: Cannot find module\n1 passed, 1 failed, 0 skipped\n' });
  });

  it('fails when only vitest knows why', () => {
    expect(judgeReport(report({ tests: [passed] }), 1)).toEqual({ ok: false, text: 'FAILED   vitest ended with exit code 1, see above\n1 passed, 1 failed, 0 skipped\n' });
  });

  it('fails with a stage that ran beside the tests', () => {
    expect(judgeReport(report({ tests: [passed] }), 0, ['lint and types'])).toEqual({ ok: false, text: 'FAILED   lint and types, see above\n1 passed, 1 failed, 0 skipped\n' });
  });

  it('fails when nothing was run', () => {
    const nothing = 'no test was run: that is a failure too\n';
    expect(judgeReport(report(), 0)).toEqual({ ok: false, text: `${nothing}0 passed, 0 failed, 0 skipped\n` });
    expect(judgeReport(report({ tests: [skipped] }), 0)).toEqual({ ok: false, text: `SKIPPED  c works: needs root\n${nothing}0 passed, 0 failed, 1 skipped\n` });
    expect(judgeReport('', 1).text).toBe('FAILED   vitest wrote no report\n0 passed, 1 failed, 0 skipped\n');
  });
});
