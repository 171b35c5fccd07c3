// The Metrics port over prom-client, with a registry of its own.
import {
  Misconfigured,
  type Counter,
  type Gauge,
  type Histogram,
  type MetricLabels,
  type Metrics,
} from '@groundwork/application';
import * as prom from 'prom-client';

// From half a millisecond, an append, to half a minute, a long page of a rebuild.
const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export interface BuildInfo {
  readonly service: string;
  readonly version: string;
  readonly gitSha: string;
}

type Instrument = { readonly form: string; readonly is: Counter | Gauge | Histogram };

export class PrometheusMetrics implements Metrics {
  readonly #registry = new prom.Registry();
  readonly #instruments = new Map<string, Instrument>();

  /** Adds `groundwork_build_info` and what prom-client knows of process, memory, collector and event-loop delay. */
  describeProcess(build: BuildInfo): this {
    prom.collectDefaultMetrics({ register: this.#registry });
    const help = 'Always 1; its labels say what is running.';
    this.gauge('groundwork_build_info', help, ['service', 'version', 'git_sha', 'node_version']).set(1, {
      service: build.service,
      version: build.version,
      git_sha: build.gitSha,
      node_version: process.version,
    });
    return this;
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return this.#once(formOf('counter', labelNames), name, (registers) => {
      const counter = new prom.Counter({ name, help, labelNames: [...labelNames], registers });
      return { add: (count = 1, labels: MetricLabels = {}) => counter.inc({ ...labels }, count) };
    });
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return this.#once(formOf('gauge', labelNames), name, (registers) => {
      const gauge = new prom.Gauge({ name, help, labelNames: [...labelNames], registers });
      return { set: (value, labels = {}) => gauge.set({ ...labels }, value) };
    });
  }

  histogram(name: string, help: string, labelNames: readonly string[] = []): Histogram {
    return this.#once(formOf('histogram', labelNames), name, (registers) => {
      const histogram = new prom.Histogram({
        name,
        help,
        labelNames: [...labelNames],
        buckets: BUCKETS_SECONDS,
        registers,
      });
      return { observe: (seconds, labels = {}) => histogram.observe({ ...labels }, seconds) };
    });
  }

  /** Everything in Prometheus' text format. */
  async scrape(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #once<T extends Counter | Gauge | Histogram>(form: string, name: string, make: (registers: prom.Registry[]) => T): T {
    const known = this.#instruments.get(name);
    if (known === undefined) {
      const made = make([this.#registry]);
      this.#instruments.set(name, { form, is: made });
      return made;
    }
    if (known.form !== form) {
      throw new Misconfigured(
        'metrics.form-changed',
        `The metric ${name} is a ${known.form} and is asked for as a ${form}.`,
        'Ask for the same kind with the same labels, or give the second one a name of its own.',
      );
    }
    return known.is as T;
  }
}

const formOf = (kind: string, labelNames: readonly string[]): string => `${kind}(${labelNames.toSorted().join(', ')})`;
