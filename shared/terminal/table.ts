import { displayWidth } from './style.js';

export interface Column<Row> {
  readonly title: string;
  /** What the cell says, already printable; may be coloured. */
  readonly cell: (row: Row) => string;
  /** Default left; numbers read best on the right. */
  readonly align?: 'left' | 'right';
}

/**
 * A plain text table: titles in capitals, two blanks between columns, no rules and nothing at line ends, so that
 * awk and grep get along with it. Without rows, only the titles. Ends in a newline.
 */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const titles = columns.map((column) => column.title.toUpperCase());
  const lines = [titles, ...rows.map((row) => columns.map((column) => column.cell(row)))];
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => displayWidth(cells[i] ?? ''))));
  return lines.map((cells) => `${joinCells(cells, columns, widths)}\n`).join('');
}

function joinCells(cells: readonly string[], columns: readonly Pick<Column<never>, 'align'>[], widths: readonly number[]): string {
  const padded = cells.map((cell, i) => {
    const fill = ' '.repeat(Math.max(0, (widths[i] ?? 0) - displayWidth(cell)));
    return columns[i]?.align === 'right' ? fill + cell : cell + fill;
  });
  return padded.join('  ').trimEnd();
}

/** `label   value` lines for a few facts, labels padded to one width. Ends in a newline. */
export function facts(pairs: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(0, ...pairs.map(([label]) => displayWidth(label)));
  return pairs.map(([label, value]) => `${label}${' '.repeat(width - displayWidth(label))}  ${value}`.trimEnd() + '\n').join('');
}
