// Logs, metrics and traces that a test can look into.
import type {
  Counter,
  Gauge,
  Histogram,
  LogFields,
  Logger,
  LogLevel,
  MetricLabels,
  Metrics,
  SpanFacts,
  Tracer,
} from '@groundwork/application';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps every line; children write into the same list. */
export class MemoryLogger implements Logger {
  readonly lines: LogLine[];
  readonly #fields: LogFields;

  constructor(fields: LogFields = {}, lines: LogLine[] = []) {
    this.#fields = fields;
    this.lines = lines;
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }
  debug(message: string, fields?: LogFields | (() => LogFields)): void {
    this.#write('debug', message, typeof fields === 'function' ? fields() : fields);
  }
  child(fields: LogFields): Logger {
    return new MemoryLogger({ ...this.#fields, ...fields }, this.lines);
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}

/** Keeps the value of counters and gauges and the observations of histograms. */
export class MemoryMetrics implements Metrics {
  readonly #values = new Map<string, number>();
  readonly #observations = new Map<string, number[]>();

  counter(name: string): Counter {
    return {
      add: (count = 1, labels = {}) => {
        this.#values.set(seriesOf(name, labels), this.value(name, labels) + count);
      },
    };
  }

  gauge(name: string): Gauge {
    return { set: (value, labels = {}) => void this.#values.set(seriesOf(name, labels), value) };
  }

  histogram(name: string): Histogram {
    return {
      observe: (seconds, labels = {}) => {
        this.#observations.set(seriesOf(name, labels), [...this.observed(name, labels), seconds]);
      },
    };
  }

  /** The present value of a counter or gauge, 0 when nothing was reported under exactly these labels. */
  value(name: string, labels: MetricLabels = {}): number {
    return this.#values.get(seriesOf(name, labels)) ?? 0;
  }

  /** What a histogram has seen under exactly these labels. */
  observed(name: string, labels: MetricLabels = {}): readonly number[] {
    return this.#observations.get(seriesOf(name, labels)) ?? [];
  }
}

/** Runs the work and remembers the spans in the order in which they began. */
export class MemoryTracer implements Tracer {
  readonly spans: string[] = [];
  /** What was told of each. */
  readonly facts: SpanFacts[] = [];
  traceparent: string | undefined;

  span<T>(name: string, facts: () => SpanFacts, work: () => Promise<T>): Promise<T> {
    this.spans.push(name);
    this.facts.push(facts());
    return work();
  }
}

const seriesOf = (name: string, labels: MetricLabels): string =>
  `${name}${JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))}`;
