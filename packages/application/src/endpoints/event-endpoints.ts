// The log as its tenant sees it: page by page, stream by stream, and live.
import { streamName, type StreamId, type TenantId } from '@groundwork/domain';
import { z } from 'zod';
import { Conflict, InvalidInput, NotFound } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';
import type { Actor } from '../ports/access.ts';
import type { LogSignal } from '../ports/event-log.ts';
import type { EventQuery, EventStore } from '../ports/event-store.ts';
import { CoalescedRead } from '../queries/coalesced-read.ts';
import { endpoint, type Endpoint, type StreamedEvent } from './endpoint.ts';
import { eventBody, eventBodyOf, eventSources } from './event-body.ts';
import { page, pageLimit, pageOf, positionText, streamNamed } from './page.ts';
import { READ, READ_PAYLOADS } from './platform-roles.ts';

const LIVE_PAGE_SIZE = 100;
const LIVE_POLL_INTERVAL_MS = 1_000;
const HEAD_INTERVAL_MS = 25;

const body = eventBody(READ_PAYLOADS);

const filters = {
  type: z.string().min(1).max(200).optional(),
  source: z.enum(eventSources).optional(),
  stream: z.string().max(300).optional().describe('type/id'),
  correlationId: z.string().min(1).max(200).optional(),
};

export function eventEndpoints(events: EventStore, signal: LogSignal): readonly Endpoint[] {
  // All who follow the log live look at its head together, however fast it grows.
  const head = new CoalescedRead(async () => (await signal.head()).position, HEAD_INTERVAL_MS);
  return [
    listEvents(events, head),
    streamEvents({ events, signal, head }),
    readStream(events, '/v1/streams/:type/:id', z.object({ type: z.string(), id: z.string() })),
    readStream(events, '/v1/streams/:stream', z.object({ stream: z.string() })),
  ];
}

const listEvents = (events: EventStore, head: CoalescedRead<bigint>): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/events',
    summary: 'The events of the tenant in the order in which they were recorded',
    permission: READ,
    query: z.strictObject({ ...filters, after: positionText.default('0'), limit: pageLimit }),
    responses: {
      200: { description: 'A page of events', schema: pageOf(body) },
      409: { description: 'The log ends before `after`: it was restored to an earlier point' },
    },
    async handle({ query: { after, limit, ...filter }, tenant, actor }) {
      const query = { ...queryOf(filter), after: BigInt(after), limit: limit + 1 };
      const found = await events.query(tenant, query);
      if (found.length === 0) refuseAheadOfLog(query.after, await head.ask());
      return { status: 200, body: page(found, limit, bodyFor(actor), ({ position }) => String(position)) };
    },
  });

interface LivePorts {
  readonly events: EventStore;
  readonly signal: LogSignal;
  readonly head: CoalescedRead<bigint>;
}

const streamEvents = (ports: LivePorts): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/events/stream',
    summary: 'New events as they are recorded, as server-sent events; Last-Event-ID or after goes back in time',
    permission: READ,
    query: z.strictObject({ ...filters, after: positionText.optional() }),
    responses: {
      200: { description: 'text/event-stream; id is the position, data an event', schema: body },
      409: { description: 'The log ends before that position: it was restored to an earlier point' },
    },
    async handle({ query: { after, ...filter }, tenant, actor, lastEventId }) {
      const head = await ports.head.ask();
      const start = startOf(lastEventId ?? after) ?? head;
      refuseAheadOfLog(start, head);
      const query = queryOf(filter);
      return {
        status: 200,
        events: (stop) => liveEvents(ports, tenant, actor, { ...query, after: start }, stop),
      };
    },
  });

function startOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (positionText.safeParse(text).success) return BigInt(text);
  throw new InvalidInput(
    'events.position-malformed',
    'Last-Event-ID is not a position of the log.',
    'Send the id of an event as it came.',
  );
}

/** Who has read further than the log goes has read another one: what this log gets there would be skipped. */
function refuseAheadOfLog(after: bigint, head: bigint): void {
  if (after <= head) return;
  throw new Conflict(
    'events.ahead-of-log',
    `The log ends at position ${head}, before ${after}: it was restored to an earlier point.`,
    'Read it again from a position that both logs have in common, 0 at the earliest.',
    { head: String(head) },
  );
}

async function* liveEvents(
  { events, signal, head: sharedHead }: LivePorts,
  tenant: TenantId,
  actor: Actor,
  query: Omit<EventQuery, 'limit'>,
  stop: AbortSignal,
): AsyncIterable<StreamedEvent> {
  let after = query.after;
  while (!stop.aborted) {
    // The head is taken first: what the query then does not find below it will never appear there.
    const head = await sharedHead.ask();
    refuseAheadOfLog(after, head);
    const found = head > after ? await events.query(tenant, { ...query, after, limit: LIVE_PAGE_SIZE }) : [];
    for (const event of found) yield { id: String(event.position), data: bodyFor(actor)(event) };
    after = found.at(-1)?.position ?? after;
    if (found.length === LIVE_PAGE_SIZE) continue;
    if (head > after) after = head;
    await signal.waitForGrowth(LIVE_POLL_INTERVAL_MS, stop);
  }
}

const readStream = (
  events: EventStore,
  path: string,
  params: z.ZodType<{ type: string; id: string } | { stream: string }>,
): Endpoint =>
  endpoint({
    method: 'GET',
    path,
    summary: 'The events of one stream in the order of their versions; the id is type/id, in one segment as type%2Fid',
    permission: READ,
    params,
    query: z.strictObject({
      after: z.coerce
        .number()
        .int()
        .min(0)
        .max(Number.MAX_SAFE_INTEGER - 1_000)
        .default(0),
      limit: pageLimit,
    }),
    responses: {
      200: { description: 'A page of events', schema: pageOf(body) },
      404: { description: 'No such stream' },
    },
    async handle({ params: named, query: { after, limit }, tenant, actor }) {
      const stream =
        'stream' in named
          ? streamNamed(named.stream, '/path/stream')
          : streamNamed(`${named.type}/${named.id}`, '/path');
      const found: LoggedEvent[] = [];
      const range = { fromVersion: after + 1, toVersion: after + limit + 1 };
      for await (const event of events.readStream(tenant, stream, range)) found.push(event);
      if (found.length === 0 && after === 0) throw unknownStream(stream);
      return { status: 200, body: page(found, limit, bodyFor(actor), ({ streamVersion }) => String(streamVersion)) };
    },
  });

function queryOf({
  type,
  source,
  stream,
  correlationId,
}: z.output<z.ZodObject<typeof filters>>): Omit<EventQuery, 'after' | 'limit'> {
  return {
    ...(type === undefined ? {} : { type }),
    ...(source === undefined ? {} : { source }),
    ...(stream === undefined ? {} : { stream: streamNamed(stream, '/query/stream') }),
    ...(correlationId === undefined ? {} : { correlationId }),
  };
}

/** How an event is shown to `actor`: the payload is for those who may read payloads. */
function bodyFor(actor: Actor): (event: LoggedEvent) => z.input<typeof body> {
  const isPayloadShown = actor.permissions.has(READ_PAYLOADS);
  return (event) => eventBodyOf(event, isPayloadShown);
}

/** The tenant has no event of the stream. */
export const unknownStream = (stream: StreamId): NotFound =>
  new NotFound(
    'stream.unknown',
    `There is no stream ${streamName(stream)}.`,
    'Check type and id; both are case-sensitive.',
  );
