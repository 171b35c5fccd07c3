// Numbers over time. Labels never hold an id: tenants and streams are unbounded.
import { port } from '../port.ts';

export type MetricLabels = Readonly<Record<string, string>>;

export interface Counter {
  add(count?: number, labels?: MetricLabels): void;
}
export interface Gauge {
  set(value: number, labels?: MetricLabels): void;
}
export interface Histogram {
  /** Records a duration in seconds. */
  observe(seconds: number, labels?: MetricLabels): void;
}

/** Asking twice for the same name gives the same instrument. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  histogram(name: string, help: string, labelNames?: readonly string[]): Histogram;
}
export const Metrics = port<Metrics>('Metrics');
