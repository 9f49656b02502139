import { expect, it } from 'vitest';
import { renderPlot } from '../../../bench/plot.js';
import { compare, type CaseResult } from '../../../bench/result.js';

const circles = (svg: string): { x: number; colour: string }[] =>
  [...svg.matchAll(/<circle cx="([\d.]+)" cy="[\d.]+" r="5" fill="(#\w+)"/g)].map(([, x, colour]) => ({ x: Number(x), colour: colour ?? '' }));

it('one dot per ratio, further right the slower, green when it is what was promised; other rows are left out', () => {
  const row = (what: string, ms: number, target: number | null) => compare({ what, target, productMs: [ms, ms / 2, ms * 2], baselineMs: [100, 100, 100] });
  const plain = { what: 'memory', product: '', baseline: '-', measured: '', runs: '-', target: '', met: true };
  const rows = [row('a <b> & c', 50, 0.7), row('slow', 120, 1.15), row('no promise', 100, null), plain];
  const result: CaseResult = { name: 'case', data: '', how: '', rows, phases: [], steps: [], notes: [] };
  const svg = renderPlot([result]);
  const [fast, slow, none, ...more] = circles(svg);
  expect([fast?.colour, slow?.colour, none?.colour, more]).toEqual(['#1a7f37', '#c62828', '#777777', []]);
  expect(fast?.x).toBeLessThan(none?.x ?? 0);
  expect(none?.x).toBeLessThan(slow?.x ?? 0);
  expect(svg).toContain('case: a &#60;b&#62; &#38; c');
  expect(svg).toContain('0.50 (≤ 0.70)');
  expect(svg).not.toContain('memory');
});
