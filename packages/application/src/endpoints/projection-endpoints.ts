// How far the projections are, and what the operator of the installation can do about it: all tenants share them.
import { z } from 'zod';
import { NotFound } from '../errors.ts';
import type { Actor } from '../ports/access.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogSignal } from '../ports/event-log.ts';
import type { DeadLetters, ProjectionProgress, ProjectionStore } from '../ports/projection-store.ts';
import { reachedPosition, refusalOf } from '../projections/ahead-of-log.ts';
import { ageInSeconds, lagSecondsOf } from '../projections/projection-report.ts';
import type { Projection } from '../projections/projection.ts';
import { endpoint, type Endpoint, type EndpointResponse } from './endpoint.ts';
import { pageOf } from './page.ts';
import { OPERATE_INSTALLATION, READ } from './platform-roles.ts';

export interface ProjectionPorts {
  readonly deadLetters: DeadLetters;
  readonly projections: readonly Projection[];
  readonly store: ProjectionStore;
  readonly signal: LogSignal;
  readonly clock: Clock;
}

/** Ports, and what this process saw when it was last asked: a rate needs two looks. */
interface Watch extends ProjectionPorts {
  readonly lastLooks: Map<string, { readonly position: bigint; readonly atMs: number; readonly rate: number | null }>;
}
const RATE_INTERVAL_MS_MIN = 250;

const partitionBody = z.object({
  partition: z.number().int(),
  position: z.string(),
  owner: z.string().nullable(),
  updatedAt: z.iso.datetime(),
});
const projectionBody = z.object({
  name: z.string(),
  schemaVersion: z.number().int(),
  state: z.enum(['running', 'paused', 'outdated', 'ahead-of-log']),
  position: z.string().describe('Everything up to here has taken effect.'),
  lagEvents: z.number().int().describe("How many of the tenant's events are behind that position."),
  lagSeconds: z
    .number()
    .nullable()
    .describe("The age of the tenant's oldest event of its types behind it; null when this api does not know it."),
  rate: z
    .number()
    .nullable()
    .describe('Positions a second since this process was last asked; null at the first question and for tenants.'),
  parked: z.number().int().describe("How many of the tenant's streams wait behind an event that could not be applied."),
  partitions: z.array(partitionBody),
});

const byName = z.object({ name: z.string().max(200) });

export function projectionEndpoints(projectionPorts: ProjectionPorts): readonly Endpoint[] {
  const ports: Watch = { ...projectionPorts, lastLooks: new Map() };
  return [
    listProjections(ports),
    getProjection(ports),
    setProjectionState(ports, 'pause', 'paused', 'Stops a projection where it is, for all tenants'),
    setProjectionState(ports, 'resume', 'running', 'Lets a paused projection go on'),
  ];
}

const listProjections = (ports: Watch): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/projections',
    summary: 'All projections and how far they are; to those who run the installation the numbers tell of all tenants',
    permission: READ,
    responses: { 200: { description: 'All projections', schema: pageOf(projectionBody) } },
    async handle({ actor }) {
      const progress = await ports.store.progress();
      const items = await Promise.all(progress.map((one) => bodyOf(one, actor, ports)));
      return { status: 200, body: { items, next: null } };
    },
  });

const getProjection = (ports: Watch): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/projections/:name',
    summary: 'How far one projection is',
    permission: READ,
    params: byName,
    responses: {
      200: { description: 'The projection', schema: projectionBody },
      404: { description: 'No such projection' },
    },
    handle: async ({ params, actor }) => answerWith(ports, params.name, actor),
  });

const setProjectionState = (
  ports: Watch,
  verb: 'pause' | 'resume',
  state: 'paused' | 'running',
  summary: string,
): Endpoint =>
  endpoint({
    method: 'POST',
    path: `/v1/projections/:name/${verb}`,
    summary,
    permission: OPERATE_INSTALLATION,
    params: byName,
    responses: {
      200: { description: 'The projection', schema: projectionBody },
      404: { description: 'No such projection' },
    },
    async handle({ params, actor }) {
      await progressOf(ports.store, params.name);
      await ports.store.setState(params.name, state);
      return answerWith(ports, params.name, actor);
    },
  });

async function answerWith(ports: Watch, name: string, actor: Actor): Promise<EndpointResponse> {
  return { status: 200, body: await bodyOf(await progressOf(ports.store, name), actor, ports) };
}

async function progressOf(store: ProjectionStore, name: string): Promise<ProjectionProgress> {
  return (await store.progress(name))[0] ?? unknown(name);
}

async function bodyOf(
  progress: ProjectionProgress,
  actor: Actor,
  ports: Watch,
): Promise<z.input<typeof projectionBody>> {
  const declared = ports.projections.find(({ name }) => name === progress.projection);
  const isOutdated = declared !== undefined && declared.schemaVersion !== progress.schemaVersion;
  const reached = reachedPosition(progress);
  return {
    name: progress.projection,
    schemaVersion: progress.schemaVersion,
    state: isOutdated ? 'outdated' : refusalOf(progress) === undefined ? progress.state : 'ahead-of-log',
    position: String(reached),
    ...(actor.permissions.has(OPERATE_INSTALLATION)
      ? await numbersOfAll(progress, declared, reached, ports)
      : await numbersOfTenant(progress, declared, reached, { ...ports, actor })),
    partitions: progress.slices.map(({ slice, position, owner, updatedAt }) => ({
      partition: slice,
      position: String(position),
      owner: owner ?? null,
      updatedAt: updatedAt.toISOString(),
    })),
  };
}

type Numbers = Pick<z.input<typeof projectionBody>, 'lagEvents' | 'lagSeconds' | 'rate' | 'parked'>;

async function numbersOfAll(
  progress: ProjectionProgress,
  declared: Projection | undefined,
  reached: bigint,
  ports: Watch,
): Promise<Numbers> {
  const { position: head } = await ports.signal.head();
  return {
    lagEvents: head > reached ? Number(head - reached) : 0,
    lagSeconds: declared === undefined ? null : await lagSecondsOf(declared, reached, ports),
    rate: rateOf(progress.projection, reached, ports),
    parked: progress.parked,
  };
}

/** What the caller's own tenant waits for: sums over tenants would tell how busy the others are. */
async function numbersOfTenant(
  { projection }: ProjectionProgress,
  declared: Projection | undefined,
  reached: bigint,
  { signal, deadLetters, clock, actor: { tenant } }: Watch & { readonly actor: Actor },
): Promise<Numbers> {
  const { events, oldestAt } = await signal.backlogOf(tenant, reached, declared?.eventTypes ?? []);
  return {
    lagEvents: events,
    lagSeconds: declared === undefined ? null : ageInSeconds(oldestAt, clock),
    rate: null,
    parked: await deadLetters.count(tenant, projection),
  };
}

function rateOf(name: string, position: bigint, { clock, lastLooks }: Watch): number | null {
  const atMs = clock.now().getTime();
  const last = lastLooks.get(name);
  if (last !== undefined && atMs - last.atMs < RATE_INTERVAL_MS_MIN) return last.rate;
  // A rollback sets the position back: that is no negative rate but a new beginning.
  const hasGrown = last !== undefined && position >= last.position;
  const rate = hasGrown ? Number(position - last.position) / ((atMs - last.atMs) / 1000) : null;
  lastLooks.set(name, { position, atMs, rate });
  return rate;
}

/** Throws NotFound `projection.unknown`. */
export const projectionNamed = (projections: readonly Projection[], wanted: string): Projection =>
  projections.find(({ name }) => name === wanted) ?? unknown(wanted);

function unknown(name: string): never {
  throw new NotFound('projection.unknown', `There is no projection ${name}.`, 'GET /v1/projections lists them.');
}
