// What a trace tells of a batch of events.
import type { LoggedEvent } from '../events/event.ts';
import type { Slice } from '../ports/projection-store.ts';
import type { SpanFacts } from '../ports/tracer.ts';

/** Of what differs from event to event, a span names so many. */
const NAMED_MAX = 100;

/** Links lead to the appends of the events. Positions are exact up to 2^53. */
export function batchSpan({ projection, slice }: Slice, events: readonly LoggedEvent[]): SpanFacts {
  return {
    attributes: {
      'groundwork.projection': projection,
      'groundwork.slice': slice,
      'groundwork.event.count': events.length,
      'groundwork.event.types': distinct(events.map(({ type }) => type)),
      'groundwork.tenants': distinct(events.map(({ tenant }) => tenant)),
      'groundwork.position.first': Number(events[0]!.position),
      'groundwork.position.last': Number(events.at(-1)!.position),
    },
    links: distinct(
      events.flatMap(({ metadata: { traceparent } }) => (traceparent === undefined ? [] : [traceparent])),
    ),
  };
}

const distinct = (values: readonly string[]): readonly string[] => [...new Set(values)].slice(0, NAMED_MAX);
