// Every state that a stream has had, by whom and when.
import { streamName, type StreamId, type TenantId } from '@groundwork/domain';
import { z } from 'zod';
import { NotFound } from '../errors.ts';
import type { StreamModel } from '../lineage/stream-model.ts';
import { StreamReplay, type HandlerLimit, type Replayed, type ReplayStep } from '../lineage/stream-replay.ts';
import type { EventStore, StreamRange } from '../ports/event-store.ts';
import type { Projection } from '../projections/projection.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { unknownStream } from './event-endpoints.ts';
import { page, pageLimit, pageOf, streamNamed, timeText } from './page.ts';
import { READ, READ_PAYLOADS } from './platform-roles.ts';
import { toldEvent, toldEventOf } from './told-event.ts';

const VERSION_MAX = 2_147_483_647;

/** What a page before gave as `next`, where pages go by streamVersion. */
export const versionAfter = z.coerce.number().int().min(0).max(VERSION_MAX).default(0);

/** Why an event could not be applied, null when it could. */
export const toldError = z.object({ code: z.string(), message: z.string() }).nullable();

export interface StreamStatePorts extends HandlerLimit {
  readonly events: EventStore;
  readonly models: readonly StreamModel[];
  readonly projections: readonly Projection[];
}

const replayed = { changed: z.array(z.string()), error: toldError };
const stateBody = toldEvent.extend({
  state: z
    .object({ ...replayed, value: z.unknown().optional() })
    .nullable()
    .describe('The state of the model after the event; null where no model is known for the type of the stream.'),
  rows: z
    .array(z.object({ projection: z.string(), key: z.string(), ...replayed, value: z.unknown().optional() }))
    .describe('The rows of read models after the event. Values are shown to holders of platform:read-payloads.'),
});

const query = z
  .strictObject({
    version: z
      .union([z.literal('last'), z.coerce.number().int().min(1).max(VERSION_MAX)])
      .optional()
      .describe('The state at this version only, or the last one.'),
    at: timeText.optional().describe('Only the state after all that had happened by this time.'),
    after: versionAfter,
    limit: pageLimit,
  })
  .refine(({ version, at }) => version === undefined || at === undefined, 'Send version or at, not both.');

export const getStreamStates = (ports: StreamStatePorts): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/streams/:type/:id/states',
    summary: 'Every state that a stream has had: what each event changed in its model and in the read models',
    permission: READ,
    params: z.object({ type: z.string(), id: z.string() }),
    query,
    responses: {
      200: { description: 'A page of states, in the order of their versions', schema: pageOf(stateBody) },
      404: { description: 'No such stream, or not at that version or time' },
    },
    async handle({ params: { type, id }, query: { version, at, after, limit }, tenant, actor }) {
      const stream = streamNamed(`${type}/${id}`, '/path');
      const isShown = actor.permissions.has(READ_PAYLOADS);
      const bodyOf = (step: ReplayStep): z.input<typeof stateBody> => stateOf(step, isShown);
      if (version !== undefined || at !== undefined) {
        const only = await onlyState(ports, tenant, stream, { version, at });
        return { status: 200, body: { items: [bodyOf(only)], next: null } };
      }
      const steps = await states(ports, tenant, stream, after, limit + 1);
      return { status: 200, body: page(steps, limit, bodyOf, ({ event }) => String(event.streamVersion)) };
    },
  });

async function states(
  ports: StreamStatePorts,
  tenant: TenantId,
  stream: StreamId,
  after: number,
  limit: number,
): Promise<readonly ReplayStep[]> {
  const replay = replayOf(ports, stream);
  const steps: ReplayStep[] = [];
  let isKnown = false;
  const range = { toVersion: Math.min(after + limit, VERSION_MAX) };
  for await (const event of ports.events.readStream(tenant, stream, range)) {
    isKnown = true;
    const step = replay.apply(event);
    if (event.streamVersion > after) steps.push(step);
  }
  if (!isKnown) throw unknownStream(stream);
  return steps;
}

async function onlyState(
  ports: StreamStatePorts,
  tenant: TenantId,
  stream: StreamId,
  { version, at }: { readonly version: number | 'last' | undefined; readonly at: string | undefined },
): Promise<ReplayStep> {
  const replay = replayOf(ports, stream);
  const range: StreamRange = {
    ...(typeof version === 'number' ? { toVersion: version } : {}),
    ...(at === undefined ? {} : { to: new Date(Date.parse(at) + 1) }),
  };
  let last: ReplayStep | undefined;
  for await (const event of ports.events.readStream(tenant, stream, range)) last = replay.apply(event);
  if (last === undefined || (typeof version === 'number' && last.event.streamVersion < version)) {
    throw noSuchState(stream, at === undefined ? `at version ${version}` : `at ${at}`);
  }
  return { ...last, rows: replay.rowsBehind(last) };
}

const replayOf = ({ models, projections, ...limit }: StreamStatePorts, { type }: StreamId): StreamReplay =>
  new StreamReplay(
    models.find(({ streamType }) => streamType === type),
    projections,
    limit,
  );

function stateOf({ event, state, rows }: ReplayStep, isShown: boolean): z.input<typeof stateBody> {
  return {
    ...toldEventOf(event),
    state: state === undefined ? null : replayedOf(state, isShown),
    rows: rows.map((row) => ({ projection: row.projection, key: row.key, ...replayedOf(row, isShown) })),
  };
}

const replayedOf = ({ value, changed, error }: Replayed<unknown>, isShown: boolean) => ({
  changed: [...changed],
  error: error ?? null,
  ...(isShown ? { value: value ?? null } : {}),
});

const noSuchState = (stream: StreamId, when: string): NotFound =>
  new NotFound(
    'stream.no-such-state',
    `There is no state of ${streamName(stream)} ${when}.`,
    `GET /v1/streams/${streamName(stream)} lists its events with their versions and times.`,
  );
