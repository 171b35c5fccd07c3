// How far projections and relays are, and what those who run the installation can do: all tenants share them.
import { z } from 'zod';
import { NotFound } from '../errors.ts';
import type { Actor } from '../ports/access.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogSignal } from '../ports/event-log.ts';
import type { DeadLetters, ProjectionProgress, ProjectionStore } from '../ports/projection-store.ts';
import { reachedPosition, refusalOf } from '../projections/ahead-of-log.ts';
import { ageInSeconds, lagSecondsOf } from '../projections/projection-report.ts';
import type { LogSubscription } from '../projections/log-subscription.ts';
import type { Projection } from '../projections/projection.ts';
import { isRelayName, type Relays } from '../relays/relay.ts';
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

export interface RelayPorts extends Omit<ProjectionPorts, 'projections'> {
  readonly relays: Relays;
}

/** Whatever follows the log: projections, or relays. */
interface Followers {
  readonly path: string;
  readonly noun: string;
  readonly declared: readonly LogSubscription[];
  readonly isOne: (name: string) => boolean;
}

/** Ports, and what this process saw when it was last asked: a rate needs two looks. */
interface Watch extends Omit<ProjectionPorts, 'projections'> {
  readonly followers: Followers;
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

export const projectionEndpoints = ({ projections, ...ports }: ProjectionPorts): readonly Endpoint[] =>
  endpointsOf(ports, {
    path: '/v1/projections',
    noun: 'projection',
    declared: projections,
    isOne: (name) => !isRelayName(name),
  });

export const relayEndpoints = ({ relays, ...ports }: RelayPorts): readonly Endpoint[] =>
  endpointsOf(ports, {
    path: '/v1/relays',
    noun: 'relay',
    declared: relays,
    isOne: isRelayName,
  });

function endpointsOf(given: Omit<ProjectionPorts, 'projections'>, followers: Followers): readonly Endpoint[] {
  const ports: Watch = { ...given, followers, lastLooks: new Map() };
  return [
    listProjections(ports),
    getProjection(ports),
    setProjectionState(ports, 'pause', 'paused', `Stops a ${followers.noun} where it is, for all tenants`),
    setProjectionState(ports, 'resume', 'running', `Lets a paused ${followers.noun} go on`),
  ];
}

const listProjections = (ports: Watch): Endpoint =>
  endpoint({
    method: 'GET',
    path: ports.followers.path,
    summary: `All ${ports.followers.noun}s and how far they are; to those who run the installation the numbers tell of all tenants`,
    permission: READ,
    responses: { 200: { description: 'All of them', schema: pageOf(projectionBody) } },
    async handle({ actor }) {
      const progress = (await ports.store.progress()).filter(({ projection }) => ports.followers.isOne(projection));
      const items = await Promise.all(progress.map((one) => bodyOf(one, actor, ports)));
      return { status: 200, body: { items, next: null } };
    },
  });

const getProjection = (ports: Watch): Endpoint =>
  endpoint({
    method: 'GET',
    path: `${ports.followers.path}/:name`,
    summary: `How far one ${ports.followers.noun} is`,
    permission: READ,
    params: byName,
    responses: answersOf(ports),
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
    path: `${ports.followers.path}/:name/${verb}`,
    summary,
    permission: OPERATE_INSTALLATION,
    params: byName,
    responses: answersOf(ports),
    async handle({ params, actor }) {
      await progressOf(ports, params.name);
      await ports.store.setState(params.name, state);
      return answerWith(ports, params.name, actor);
    },
  });

async function answerWith(ports: Watch, name: string, actor: Actor): Promise<EndpointResponse> {
  return { status: 200, body: await bodyOf(await progressOf(ports, name), actor, ports) };
}

async function progressOf({ store, followers }: Watch, name: string): Promise<ProjectionProgress> {
  const [progress] = followers.isOne(name) ? await store.progress(name) : [];
  return progress ?? unknown(name, followers);
}

const answersOf = ({ followers: { noun } }: Watch): Endpoint['responses'] => ({
  200: { description: `The ${noun}`, schema: projectionBody },
  404: { description: `No such ${noun}` },
});

async function bodyOf(
  progress: ProjectionProgress,
  actor: Actor,
  ports: Watch,
): Promise<z.input<typeof projectionBody>> {
  const declared = ports.followers.declared.find(({ name }) => name === progress.projection);
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
  declared: LogSubscription | undefined,
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
  declared: LogSubscription | undefined,
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
  projections.find(({ name }) => name === wanted) ?? unknown(wanted, { noun: 'projection', path: '/v1/projections' });

function unknown(name: string, { noun, path }: Pick<Followers, 'noun' | 'path'>): never {
  const [happened, next] = [`There is no ${noun} ${name}.`, `GET ${path} lists them.`];
  throw noun === 'relay'
    ? new NotFound('relay.unknown', happened, next)
    : new NotFound('projection.unknown', happened, next);
}
