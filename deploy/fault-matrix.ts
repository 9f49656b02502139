import { z } from 'zod';

/** What a fault test leaves in its report (test/faults/frame). */
export const faultRowSchema = z.object({ fault: z.string(), state: z.string(), runs: z.number().int(), losses: z.number().int() });

interface FaultTest {
  /** vitest's: passed, failed, skipped. */
  readonly status: string;
  readonly rows: readonly z.infer<typeof faultRowSchema>[];
}

interface Row {
  readonly fault: string;
  readonly state: string;
  runs: number;
  losses: number;
  /** Tests that did not come as far as to be looked at. */
  failed: number;
  skipped: number;
}

/** Which fault came in which state, how often, and whether anything was lost; empty when no fault test was run (pure). */
export function renderFaultMatrix(tests: readonly FaultTest[]): string {
  const rows = summed(tests);
  if (rows.length === 0) return '';
  const faultWidth = Math.max(...rows.map(({ fault }) => fault.length));
  const stateWidth = Math.max(...rows.map(({ state }) => state.length));
  const line = (fault: string, state: string, runs: string, end: string): string => `${fault.padEnd(faultWidth)}  ${state.padEnd(stateWidth)}  ${runs.padStart(5)}  ${end}`;
  const total = (of: 'runs' | 'losses' | 'failed'): number => rows.reduce((sum, row) => sum + row[of], 0);
  const lines = [
    line('fault', 'state', 'runs', 'losses'),
    ...rows.map((row) => line(row.fault, row.state, String(row.runs), endOf(row))),
    `${rows.length} faults x states, ${total('runs')} runs, losses = ${total('losses')}${total('failed') === 0 ? '' : `, ${total('failed')} tests failed before they were looked at`}`,
  ];
  return `${lines.map((each) => `${each.trimEnd()}\n`).join('')}\n`;
}

function endOf({ losses, failed, runs, skipped }: Row): string {
  const notes = [...(failed > 0 ? [`failed: ${failed}`] : []), ...(runs === 0 && skipped > 0 ? ['skipped, see below'] : [])];
  return [String(losses).padStart(6), ...notes].join('  ');
}

function summed(tests: readonly FaultTest[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { status, rows: ofTest } of tests) {
    for (const { fault, state, runs, losses } of ofTest) {
      const key = JSON.stringify([fault, state]);
      const row = rows.get(key) ?? { fault, state, runs: 0, losses: 0, failed: 0, skipped: 0 };
      rows.set(key, row);
      row.runs += runs;
      row.losses += losses;
      if (status === 'failed' && losses === 0) row.failed += 1;
      if (status !== 'passed' && status !== 'failed') row.skipped += 1;
    }
  }
  return [...rows.values()].sort((a, b) => compare(a.fault, b.fault) || compare(a.state, b.state));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
