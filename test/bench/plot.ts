import type { CaseResult, Ratios } from './result.js';

/** Pixels. */
const LABEL_WIDTH = 430;
const PLOT_WIDTH = 460;
const NUMBER_WIDTH = 150;
const ROW_HEIGHT = 26;
const TOP = 64;
const BOTTOM = 44;
const GRID = [0.05, 0.1, 0.2, 0.5, 1, 2, 5];

interface Line {
  readonly label: string;
  readonly ratios: Ratios;
}

/**
 * The ratios of all cases as an SVG picture (pure): on a logarithmic scale the median as a dot, all runs as a bar, and what was promised as an upright
 * line, which the dot must not be to the right of.
 */
export function renderPlot(cases: readonly CaseResult[]): string {
  const lines = cases.flatMap(({ name, rows }) => rows.flatMap(({ what, ratios }) => (ratios === undefined ? [] : [{ label: `${name}: ${what}`, ratios }])));
  const width = LABEL_WIDTH + PLOT_WIDTH + NUMBER_WIDTH;
  const height = TOP + lines.length * ROW_HEIGHT + BOTTOM;
  const x = scale(lines);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(16, 24, 'Time of bw-bkup over that of the other program, same data, same run', 'font-size="16" font-weight="bold"'),
    text(16, 44, 'dot: median · bar: all runs · upright line: at most this was promised · left is faster', 'fill="#555555"'),
    ...GRID.filter((at) => x(at) >= LABEL_WIDTH && x(at) <= LABEL_WIDTH + PLOT_WIDTH).map((at) => gridLine(at, x(at), height)),
    ...lines.map((line, i) => drawLine(line, TOP + (i + 0.5) * ROW_HEIGHT, x)),
    '</svg>',
  ].join('\n')}\n`;
}

/** Where a ratio stands, pixels. */
function scale(lines: readonly Line[]): (ratio: number) => number {
  const all = lines.flatMap(({ ratios: { least, most, target } }) => [least, most, target ?? least]).filter((ratio) => ratio > 0 && Number.isFinite(ratio));
  const from = Math.log(Math.min(0.1, ...all) / 1.15);
  const to = Math.log(Math.max(2, ...all) * 1.15);
  return (ratio) => LABEL_WIDTH + (PLOT_WIDTH * (Math.log(ratio) - from)) / (to - from);
}

function gridLine(at: number, x: number, height: number): string {
  const bottom = height - BOTTOM;
  const style = at === 1 ? 'stroke="#888888"' : 'stroke="#dddddd"';
  return `<line x1="${px(x)}" y1="${TOP}" x2="${px(x)}" y2="${bottom}" ${style}/>${text(x, bottom + 18, String(at), 'text-anchor="middle" fill="#555555"')}`;
}

function drawLine({ label, ratios }: Line, y: number, x: (ratio: number) => number): string {
  const { median, least, most, target } = ratios;
  const colour = target === null ? '#777777' : median <= target ? '#1a7f37' : '#c62828';
  return [
    text(LABEL_WIDTH - 12, y + 4, label, 'text-anchor="end"'),
    `<line x1="${px(x(least))}" y1="${px(y)}" x2="${px(x(most))}" y2="${px(y)}" stroke="${colour}" stroke-width="6" stroke-opacity="0.35" stroke-linecap="round"/>`,
    ...(target === null ? [] : [`<line x1="${px(x(target))}" y1="${px(y - 10)}" x2="${px(x(target))}" y2="${px(y + 10)}" stroke="#000000" stroke-width="2"/>`]),
    `<circle cx="${px(x(median))}" cy="${px(y)}" r="5" fill="${colour}"/>`,
    text(LABEL_WIDTH + PLOT_WIDTH + 14, y + 4, `${median.toFixed(2)}${target === null ? '' : ` (≤ ${target.toFixed(2)})`}`, `fill="${colour}"`),
  ].join('');
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text x="${px(x)}" y="${px(y)}" ${style}>${content.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</text>`;
}

function px(value: number): string {
  return value.toFixed(1);
}
