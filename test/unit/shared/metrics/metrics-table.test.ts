import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createMetrics } from '../../../../shared/metrics/index.js';
import { DEFAULT_METRICS, METRICS } from '../../../../shared/metrics/metrics-table.js';

const README = new URL('../../../../shared/metrics/README.md', import.meta.url);

test('the README has the same table as the code, both ways', async () => {
  const text = await readFile(README, 'utf8');
  const documented = text.split('\n').filter((line) => line.startsWith('| `bw_'));
  const defined = Object.entries(METRICS).map(([name, { type, unit, labels, help }]) => {
    const shownLabels = labels.map((label) => `\`${label}\``).join(' ');
    return `| \`${name}\` | ${type} | ${unit} | ${shownLabels === '' ? '-' : shownLabels} | ${help} |`;
  });
  expect(documented).toEqual(defined);
});

test('/metrics declares exactly the table and the families of prom-client', async () => {
  const text = await createMetrics({ host: 'ie1', component: 'worker' }).render();
  const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${String(name)} ${String(type)}`);
  const own = declared.filter((line) => !DEFAULT_METRICS.test(line));
  expect(own.sort()).toEqual(Object.entries(METRICS).map(([name, { type }]) => `${name} ${type}`).sort());
  expect(declared).toContain('bw_process_resident_memory_bytes gauge');
  expect(declared).toContain('bw_nodejs_eventloop_lag_seconds gauge');
});

test('names follow the conventions of Prometheus', () => {
  for (const [name, { type, unit, labels }] of Object.entries(METRICS)) {
    expect(name.endsWith('_total'), name).toBe(type === 'counter');
    if (unit === 'seconds' || unit === 'bytes') expect(name).toMatch(new RegExp(`_${unit}(_total)?$`));
    expect(labels).not.toContain('host');
    expect(labels).not.toContain('component');
  }
});
