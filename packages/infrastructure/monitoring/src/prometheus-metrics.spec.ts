import { describe, expect, it } from '@jest/globals';
import { PrometheusMetrics } from './prometheus-metrics.ts';

describe('PrometheusMetrics', () => {
  it('writes counters, gauges and histograms in seconds in the text format', async () => {
    const metrics = new PrometheusMetrics();
    metrics.counter('parcels_total', 'Parcels.', ['size']).add(2, { size: 'small' });
    metrics.gauge('shelf_free', 'Free places.').set(7);
    metrics.histogram('walk_duration_seconds', 'Walks.').observe(0.02);
    const { text } = await metrics.scrape();
    expect(text).toContain(
      '# HELP parcels_total Parcels.\n# TYPE parcels_total counter\nparcels_total{size="small"} 2\n',
    );
    expect(text).toContain('# TYPE shelf_free gauge\nshelf_free 7\n');
    expect(text).toContain('walk_duration_seconds_bucket{le="0.01"} 0\nwalk_duration_seconds_bucket{le="0.025"} 1\n');
    expect(text).toContain('walk_duration_seconds_count 1\n');
  });

  it('gives the same instrument for the same name', async () => {
    const metrics = new PrometheusMetrics();
    metrics.counter('parcels_total', 'Parcels.').add();
    metrics.counter('parcels_total', 'Parcels.').add();
    expect((await metrics.scrape()).text).toContain('parcels_total 2\n');
  });

  it('refuses one name for two kinds or two sets of labels, where it is asked for and not where it is used', () => {
    const metrics = new PrometheusMetrics();
    metrics.counter('parcels_total', 'Parcels.', ['size', 'colour']);
    expect(() => metrics.counter('parcels_total', 'Parcels.', ['colour', 'size'])).not.toThrow();
    const formChanged = expect.objectContaining({ code: 'metrics.form-changed' });
    expect(() => metrics.gauge('parcels_total', 'Parcels.', ['size', 'colour'])).toThrow(formChanged);
    expect(() => metrics.counter('parcels_total', 'Parcels.', ['size'])).toThrow(formChanged);
  });

  it('keeps the numbers of two registries apart', async () => {
    new PrometheusMetrics().counter('parcels_total', 'Parcels.').add();
    expect((await new PrometheusMetrics().scrape()).text).not.toContain('parcels_total');
  });
});
