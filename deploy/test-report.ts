import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import { faultRowSchema, renderFaultMatrix } from './fault-matrix.js';

/** What is read of vitest's JSON report. */
const reportSchema = z.looseObject({
  testResults: z.array(
    z.looseObject({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.looseObject({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).default([]),
          meta: z.looseObject({ skipReason: z.string().optional(), faults: z.array(faultRowSchema).optional() }).default({}),
        }),
      ),
    }),
  ),
});

/** Of what a failed test said: enough for a difference of objects and the place, and not so much that several failures hide each other. */
const CAUSE_LINES = 16;
const CAUSE_WIDTH = 400;

export interface Verdict {
  /** What is printed; its last line is `N passed, N failed, N skipped`. */
  readonly text: string;
  readonly ok: boolean;
}

/**
 * The verdict on a test run. `reportText` is vitest's JSON report, null if it wrote none; `status` its exit code, which
 * tells of failures that belong to no test (an error after the last one, say). `stages`: what failed beside it, each as one test.
 */
export function judgeReport(reportText: string | null, status: number, stages: readonly string[] = []): Verdict {
  const report = reportText === null || reportText === '' ? null : reportSchema.parse(JSON.parse(reportText));
  if (report === null) return verdict(0, ['vitest wrote no report'], []);
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === 'passed').length;
  const failed = tests.filter((test) => test.status === 'failed').map((test) => [test.fullName, ...test.failureMessages.flatMap(causeLines)].join('\n'));
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'));
  const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed');
  const failures = [...failed, ...broken.map((file) => `${file.name}: ${file.message.split('\n')[0] ?? ''}`)];
  if (status !== 0 && failures.length === 0) failures.push(`vitest ended with exit code ${status}, see above`);
  failures.push(...stages.map((stage) => `${stage}, see above`));
  const { text, ok } = verdict(passed, failures, skipped.map((test) => `${test.fullName}: ${test.meta.skipReason ?? 'no reason given'}`));
  return { text: renderFaultMatrix(tests.map(({ status: ended, meta }) => ({ status: ended, rows: meta.faults ?? [] }))) + text, ok };
}

/** The beginning of a failure's message, indented. Where only the end of a run's output is kept, the cause must stand at the end. */
function causeLines(message: string): string[] {
  const lines = stripVTControlCharacters(message).split('\n').filter((line) => line.trim() !== '' && !line.includes('/node_modules/'));
  return lines.slice(0, CAUSE_LINES).map((line) => `           ${line.slice(0, CAUSE_WIDTH)}`);
}

function verdict(passed: number, failures: readonly string[], skipped: readonly string[]): Verdict {
  const lines = [
    ...failures.map((name) => `FAILED   ${name}`),
    ...skipped.map((name) => `SKIPPED  ${name}`),
    ...(passed + failures.length === 0 ? ['no test was run: that is a failure too'] : []),
    `${passed} passed, ${failures.length} failed, ${skipped.length} skipped`,
  ];
  return { text: lines.map((line) => `${line}\n`).join(''), ok: failures.length === 0 && passed > 0 };
}

function main([file = '', status = '1', ...stages]: readonly string[]): number {
  const { text, ok } = judgeReport(readFileSync(file, 'utf8'), Number(status), stages);
  process.stdout.write(`\n${text}`);
  return ok ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
