// Sees that the reference pages say what the sources say, and that nothing can be set or go wrong without them.
import { describe, expect, it } from '@jest/globals';
import { referencePages } from './reference.ts';
import { codedErrors, metrics } from './source-facts.ts';
import { readText, sources } from './workspace.ts';

describe('the reference pages', () => {
  it('are those that `npx node tools/checks/reference.ts --write` writes today', async () => {
    for (const [path, text] of Object.entries(await referencePages())) expect(readText(path)).toBe(text);
  });

  it('name every GW_ variable that stands in the sources', () => {
    const settings = readText('docs/reference/settings.md');
    const named = new Set(sources().flatMap((path) => readText(path).match(/\bGW_[A-Z][A-Z0-9_]*[A-Z0-9]\b/g) ?? []));
    expect([...named].filter((variable) => !settings.includes(`\`${variable}\``))).toEqual([]);
  });

  it('tell for every error what happened', () => {
    expect(codedErrors().filter(({ happened }) => happened === '')).toEqual([]);
  });

  it('tell the labels of every metric, also of those that several share', () => {
    const labels = new Map(metrics().map((metric) => [metric.name, metric.labels]));
    expect(labels.get('groundwork_projection_lag_events')).toEqual(['projection']);
    expect(labels.get('groundwork_dead_letters')).toEqual(['projection']);
    expect([...labels].filter(([, names]) => names.includes('…'))).toEqual([]);
  });

  it('hold every metric whose name is promised to operators', () => {
    const page = readText('docs/reference/metrics.md');
    const promised = [
      ...['http_server_request_duration_seconds', 'db_client_operation_duration_seconds', 'groundwork_build_info'],
      ...['groundwork_command_duration_seconds', 'groundwork_events_appended_total', 'groundwork_dead_letters'],
      ...[
        'groundwork_append_conflicts_total',
        'groundwork_event_store_head_position',
        'groundwork_projection_position',
      ],
      ...['groundwork_projection_lag_events', 'groundwork_projection_lag_seconds'],
    ];
    expect(promised.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
