import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createMetrics } from '../../../../shared/metrics/index.js';
import { DEFAULT_METRICS, METRICS, type MetricDefinition } from '../../../../shared/metrics/metrics-table.js';

const FOLDER = new URL('../../../../deploy/monitoring/', import.meta.url);
/** Labels any sample may have: ours, Prometheus' own, and a histogram's bucket. */
const COMMON_LABELS = ['host', 'component', 'instance', 'job', 'le'];
const TABLE: Readonly<Record<string, MetricDefinition>> = METRICS;

const rulesSchema = z.strictObject({
  groups: z
    .array(
      z.strictObject({
        name: z.string(),
        rules: z
          .array(
            z.strictObject({
              alert: z.string().regex(/^Bw[A-Za-z]+$/),
              expr: z.string(),
              for: z.string().regex(/^\d+[mhd]$/).optional(),
              labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
              annotations: z.strictObject({ summary: z.string(), description: z.string() }),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
});

const dashboardSchema = z.object({
  uid: z.literal('bw-bkup'),
  panels: z
    .array(
      z.object({
        id: z.number(),
        title: z.string(),
        datasource: z.object({ uid: z.literal('${datasource}') }),
        targets: z.array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() })).min(1),
      }),
    )
    .min(1),
});

const read = (file: string): Promise<string> => readFile(new URL(file, FOLDER), 'utf8');
const loadRules = async () => rulesSchema.parse(parse(await read('alert-rules.yml'))).groups.flatMap(({ rules }) => rules);
const loadPanels = async () => dashboardSchema.parse(JSON.parse(await read('grafana-dashboard.json'))).panels;

let defaults: ReadonlySet<string>;
beforeAll(async () => {
  const text = await createMetrics({ host: 'a', component: 'b' }).render();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '');
  defaults = new Set(names.filter((name) => DEFAULT_METRICS.test(name)));
});

/** What is wrong with the names and labels of an expression; [] when nothing. */
function faults(expr: string): string[] {
  const metrics = [...expr.matchAll(/\b(bw_\w+)(?:\{([^}]*)\})?/g)];
  const unknown = metrics.filter(([, name = '']) => !isKnown(name)).map(([, name]) => `no metric ${String(name)}`);
  const selected = metrics.flatMap(([, name = '', matchers = '']) =>
    [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].filter(([, label = '']) => !hasLabel(name, label)).map(([, label]) => `${name} has no label ${String(label)}`),
  );
  const grouped = [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map((label) => label.trim()));
  const nowhere = grouped.filter((label) => !metrics.some(([, name = '']) => hasLabel(name, label))).map((label) => `nothing has label ${label}`);
  return [...unknown, ...selected, ...nowhere];
}

function tableName(name: string): string {
  const base = name.replace(/_(bucket|sum|count)$/, '');
  return TABLE[base]?.type === 'histogram' ? base : name;
}

function isKnown(name: string): boolean {
  const definition = TABLE[tableName(name)];
  // A histogram has no sample of its plain name.
  if (definition?.type === 'histogram') return name !== tableName(name);
  return definition !== undefined || defaults.has(name);
}

function hasLabel(name: string, label: string): boolean {
  return COMMON_LABELS.includes(label) || (TABLE[tableName(name)]?.labels.includes(label) ?? false);
}

test('every alert rule names only metrics and labels that exist', async () => {
  for (const { alert, expr } of await loadRules()) {
    expect(expr, alert).toMatch(/\bbw_|\bup\{/);
    expect(faults(expr), alert).toEqual([]);
  }
});

test('every panel of the dashboard names only metrics and labels that exist', async () => {
  const panels = await loadPanels();
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { title, targets } of panels) {
    for (const { expr, legendFormat } of targets) {
      expect(faults(expr), title).toEqual([]);
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => `by (${String(label)})`);
      expect(faults(`${expr} ${shown.join(' ')}`), title).toEqual([]);
    }
  }
});

test('the labels a message shows survive the aggregation of its rule', async () => {
  for (const { alert, expr, annotations } of await loadRules()) {
    const shown = [...`${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label ?? '');
    const outer = /^(?:sum|min|max)\s*(?:by\s*\(([^)]*)\))?\s*\(/.exec(expr);
    const kept = outer === null ? null : (outer[1] ?? '').split(',').map((label) => label.trim());
    for (const label of shown) expect(kept === null || kept.includes(label), `${alert}: ${label}`).toBe(true);
  }
});

test('alerts have unique names and cover what an operator must hear of', async () => {
  const names = (await loadRules()).map(({ alert }) => alert);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['BwPastDue', 'BwFailedJobs', 'BwStagingNearlyFull', 'BwRedisDown', 'BwNoSeal', 'BwAgesUnknown', 'BwTaskNeedsOperator', 'BwTaskStuck', 'BwOutboxOfGoneHost']));
});

test('the check itself finds wrong names and labels', () => {
  expect(faults('sum(bw_no_such_metric)')).toEqual(['no metric bw_no_such_metric']);
  expect(faults('bw_jobs{topdir="/u"}')).toEqual(['bw_jobs has no label topdir']);
  expect(faults('sum by (lts) (bw_jobs)')).toEqual(['nothing has label lts']);
  expect(faults('rate(bw_job_duration_seconds[1h])')).toEqual(['no metric bw_job_duration_seconds']);
  expect(faults('sum by (le) (rate(bw_job_duration_seconds_bucket{queue="backup"}[1h]))')).toEqual([]);
});

test('the scrape example is YAML with targets', async () => {
  const example = z
    .strictObject({
      scrape_configs: z.array(z.strictObject({
        job_name: z.literal('bw-bkup'),
        scrape_interval: z.string(),
        static_configs: z.array(z.strictObject({ targets: z.array(z.string()) })),
      })),
      rule_files: z.array(z.string()),
    })
    .parse(parse(await read('scrape-example.yml')));
  const [job] = example.scrape_configs;
  // The rule BwProcessDown selects this job name.
  expect((await loadRules()).find(({ alert }) => alert === 'BwProcessDown')?.expr).toContain(`job="${job?.job_name ?? ''}"`);
});
