import type { Machine } from './machine.js';
import { seconds, type CaseResult, type PhaseReport, type Row } from './result.js';

export interface Report {
  readonly v: 1;
  readonly machine: Machine;
  readonly runs: number;
  /** Tiny sizes: shows that the bench works, nothing else. */
  readonly quick: boolean;
  readonly cases: readonly CaseResult[];
}

export function renderReport(report: Report): string {
  const { machine, runs, quick, cases } = report;
  const lines = [
    '# Benchmark results',
    '',
    'Made by `npm run bench`; how to read them is in README.md beside this file.',
    ...(quick ? ['', '**--quick: tiny sizes, these numbers say nothing about speed.**'] : []),
    '',
    ...table(['machine', ''], machineRows(machine, runs)),
    '',
    ...table(['case', 'against', 'bw-bkup', 'baseline', 'ratio', 'target', 'met', 'ratio of every run'], cases.flatMap(resultRows)),
    ...cases.flatMap(renderCase),
  ];
  return `${lines.join('\n')}\n`;
}

function machineRows(machine: Machine, runs: number): string[][] {
  return [
    ['taken', `${machine.takenAt}, medians of ${runs}, load ${machine.loadAtStart.toFixed(1)} at the start`],
    ['processor', `${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB`],
    ['kernel', machine.kernel],
    ['node, dar, redis', `${machine.node}, ${machine.dar}, ${machine.redis}`],
    ['filesystem', machine.filesystem],
  ];
}

function resultRows({ name, rows }: CaseResult): string[][] {
  return rows.map((row: Row) => [name, row.what, row.product, row.baseline, row.measured, row.target, metText(row.met), row.runs]);
}

function metText(met: boolean | null): string {
  if (met === null) return '';
  return met ? 'yes' : '**no**';
}

function renderCase({ name, data, how, phases, steps, notes }: CaseResult): string[] {
  return [
    '',
    `## ${name}`,
    '',
    `${data}; ${how}.`,
    ...notes.map((note) => `\n${note}`),
    ...(phases.length === 0 ? [] : ['', ...table(PHASE_HEAD, phases.map(phaseRow))]),
    ...(steps.length === 0 ? [] : ['', ...table(['baseline step', 'time'], steps.map((step) => [step.name, seconds(step.wallMs)]))]),
  ];
}

const PHASE_HEAD = ['phases', 'plan', 'save', 'transfer tail', 'seal', 'waiting', 'dar (sum)', 'rest of shards (sum)', 'transfers (sum)', 'CPU node', 'CPU programs'];

/** Of many backups: per backup, processor time too. */
function phaseRow({ what, profile, cpu, backups }: PhaseReport): string[] {
  const { planMs, saveMs, transferTailMs, sealMs, waitMs, darBusyMs, shardBusyMs, transferBusyMs } = profile;
  const times = [planMs, saveMs, transferTailMs, sealMs, waitMs, darBusyMs, shardBusyMs, transferBusyMs, cpu.nodeMs / backups, cpu.childrenMs / backups];
  return [what, ...times.map((ms) => `${ms.toFixed(0)} ms`)];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
