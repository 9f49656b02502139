import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import {
  METRICS,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricDefinition,
  type MetricName,
} from './metrics-table.js';

export interface Sample<L> {
  readonly labels: L;
  readonly value: number;
}

/** The metrics of the table in a registry, typed by name: a wrong label does not compile. */
export class Instruments {
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();
  readonly #histograms = new Map<string, Histogram>();

  constructor(registry: Registry) {
    for (const name of Object.keys(METRICS) as MetricName[]) this.#create(name, METRICS[name], registry);
  }

  add<K extends CounterName>(name: K, labels: LabelsOf<K>, value = 1): void {
    found(this.#counters, name).inc(labels, value);
  }

  observe<K extends HistogramName>(name: K, labels: LabelsOf<K>, value: number): void {
    found(this.#histograms, name).observe(labels, value);
  }

  set<K extends GaugeName>(name: K, labels: LabelsOf<K>, value: number): void {
    found(this.#gauges, name).set(labels, value);
  }

  /** Replaces all samples of a gauge in one synchronous step, so that no scrape sees half of them. */
  replace<K extends GaugeName>(name: K, samples: readonly Sample<LabelsOf<K>>[]): void {
    const gauge = found(this.#gauges, name);
    empty(gauge, METRICS[name]);
    for (const { labels, value } of samples) gauge.set(labels, value);
  }

  #create(name: MetricName, { type, help, labels, buckets }: MetricDefinition, registry: Registry): void {
    const common = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === 'counter') this.#counters.set(name, new Counter(common));
    if (type === 'histogram') this.#histograms.set(name, new Histogram({ ...common, buckets: [...(buckets ?? [])] }));
    if (type !== 'gauge') return;
    const gauge = new Gauge(common);
    empty(gauge, METRICS[name]);
    this.#gauges.set(name, gauge);
  }
}

/** A gauge nobody measured is absent: prom-client would show 0 for one without labels, which reads as "down". */
function empty(gauge: Gauge, { labels }: MetricDefinition): void {
  gauge.reset();
  if (labels.length === 0) gauge.remove({});
}

function found<T>(metrics: ReadonlyMap<string, T>, name: string): T {
  const metric = metrics.get(name);
  if (metric === undefined) throw new TypeError(`no such metric: ${name}`);
  return metric;
}
