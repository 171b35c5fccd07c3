import { describe, expect, it } from '@jest/globals';
import { OpenTelemetryTracer } from './open-telemetry-tracer.ts';

describe('OpenTelemetryTracer without an SDK', () => {
  it('runs the work and gives its value', async () => {
    expect(await new OpenTelemetryTracer().span('append', { events: 2 }, () => Promise.resolve(7))).toBe(7);
  });

  it('throws on what the work throws', async () => {
    const failing = new OpenTelemetryTracer().span('append', {}, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
  });
});
