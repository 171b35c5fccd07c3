// Rebuilds of read models: begun, watched, compared, switched and taken back. All tenants share a read model.
import { z } from 'zod';
import { Conflict, NotFound } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Rebuild, Rebuilds } from '../ports/rebuilds.ts';
import { buildName } from '../projections/building-projection.ts';
import type { Projection } from '../projections/projection.ts';
import { endpoint, type Endpoint, type EndpointResponse } from './endpoint.ts';
import { OPERATE_INSTALLATION, READ, READ_PAYLOADS } from './platform-roles.ts';

export interface RebuildPorts {
  readonly projections: readonly Projection[];
  readonly rebuilds: Rebuilds;
  readonly clock: Clock;
}

const operationBody = z.object({
  state: z
    .enum(['running', 'waiting', 'done', 'cancelled', 'rolled-back'])
    .describe('waiting: somebody has to switch, cancel, or see to the errors.'),
  done: z.string(),
  total: z.string(),
  rate: z.number().nullable().describe('Positions a second since it began.'),
  eta: z.iso.datetime().nullable(),
  errors: z.array(z.string()),
  projection: z.string(),
  schemaVersion: z.number().int(),
  shadow: z.boolean().describe('Built to be looked at: it is switched only when somebody says so.'),
  previousKept: z.boolean().describe('Whether there is a former table for a rollback.'),
  comparison: z
    .object({
      rows: z.number().int(),
      added: z.number().int(),
      removed: z.number().int(),
      changed: z.number().int(),
      changedColumns: z.record(z.string(), z.number().int()),
    })
    .nullable()
    .describe('Both tables at the same position, in rows of all tenants; null before, and for who does not run them.'),
});

const differenceBody = z.object({
  key: z.string(),
  change: z.enum(['added', 'removed', 'changed']),
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
});

const byName = z.object({ name: z.string().max(200) });
const byId = z.object({ id: z.string().max(250) });
const REBUILD = /^rebuild~(?<name>[^~]{1,200})~(?<number>[1-9]\d{0,8})$/;

export const rebuildEndpoints = (ports: RebuildPorts): readonly Endpoint[] => [
  postRebuild(ports),
  postShadow(ports),
  postSwitch(ports),
  postOnNewest(ports, 'cancel', 'Ends a rebuild that is on its way; the live read model stays as it is', (rebuild) => {
    if (!isOpen(rebuild)) throw notOpen(rebuild.projection);
    return ports.rebuilds.drop(rebuild);
  }),
  postOnNewest(ports, 'rollback', 'Puts the table before the last rebuild back; it goes on where it stood', (rebuild) =>
    ports.rebuilds.rollBack(rebuild),
  ),
  postOnNewest(ports, 'drop-previous', 'Drops the table before the last rebuild: no rollback any more', (rebuild) => {
    if (isOpen(rebuild)) throw stillOpen(rebuild.projection);
    return ports.rebuilds.drop(rebuild);
  }),
  getOperation(ports),
  getDifferences(ports),
];

const postRebuild = (ports: RebuildPorts): Endpoint =>
  beginning(ports, 'rebuild', 'Builds the read model of all tenants beside the live one, and switches', false);
const postShadow = (ports: RebuildPorts): Endpoint =>
  beginning(ports, 'shadow', 'Builds the read model beside the live one, to compare their rows before a switch', true);

const beginning = (ports: RebuildPorts, verb: string, summary: string, isShadow: boolean): Endpoint =>
  endpoint({
    method: 'POST',
    path: `/v1/projections/:name/${verb}`,
    summary,
    permission: OPERATE_INSTALLATION,
    params: byName,
    responses: {
      202: { description: 'It has begun', schema: operationBody },
      404: { description: 'No such projection' },
      409: { description: 'One is on its way' },
    },
    async handle({ params: { name } }) {
      const projection = ports.projections.find((one) => one.name === name) ?? unknown(name);
      return accepted(await ports.rebuilds.begin(projection, { isShadow }), ports);
    },
  });

const postSwitch = (ports: RebuildPorts): Endpoint =>
  endpoint({
    method: 'POST',
    path: '/v1/projections/:name/switch',
    summary: 'Lets a shadow run take the place of the live read model, or with force=true a build with parked streams',
    permission: OPERATE_INSTALLATION,
    params: byName,
    query: z.strictObject({ force: z.enum(['true', 'false']).default('false') }),
    responses: {
      202: { description: 'It is switched as soon as both are level', schema: operationBody },
      404: { description: 'No such projection' },
      409: { description: 'Nothing is built' },
    },
    async handle({ params: { name }, query: { force } }) {
      const rebuild = await newest(name, ports);
      if (!isOpen(rebuild)) throw notOpen(name);
      const projection = ports.projections.find((one) => one.name === name);
      if (rebuild.isShadow && projection?.followUps !== undefined) throw hasFollowUps(name);
      await ports.rebuilds.approve(rebuild, { isForced: force === 'true' });
      return accepted(await newest(name, ports), ports);
    },
  });

const postOnNewest = (
  ports: RebuildPorts,
  verb: string,
  summary: string,
  work: (rebuild: Rebuild) => Promise<void>,
): Endpoint =>
  endpoint({
    method: 'POST',
    path: `/v1/projections/:name/${verb}`,
    summary,
    permission: OPERATE_INSTALLATION,
    params: byName,
    responses: {
      200: { description: 'The rebuild', schema: operationBody },
      404: { description: 'No such projection' },
      409: { description: 'There is nothing to do it to' },
    },
    async handle({ params: { name } }) {
      await work(await newest(name, ports));
      return { status: 200, body: operationOf(await newest(name, ports), ports) };
    },
  });

const getOperation = (ports: RebuildPorts): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/operations/:id',
    summary: 'How far a long operation is',
    permission: READ,
    params: byId,
    responses: {
      200: { description: 'The operation', schema: operationBody },
      404: { description: 'No such operation' },
    },
    async handle({ params, actor }) {
      const operation = operationOf(await operated(params.id, ports), ports);
      if (actor.permissions.has(OPERATE_INSTALLATION)) return { status: 200, body: operation };
      // Numbers of rows and parked streams would tell a tenant about the others.
      const errors = operation.errors.length === 0 ? [] : ['Those who run the installation see what is wrong.'];
      return { status: 200, body: { ...operation, errors, comparison: null } };
    },
  });

const getDifferences = (ports: RebuildPorts): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/operations/:id/differences',
    summary: 'Rows of the tenant that a rebuild has changed, some of each kind, with the columns that differ',
    permission: READ_PAYLOADS,
    params: byId,
    responses: {
      200: { description: 'The rows', schema: z.object({ items: z.array(differenceBody) }) },
      404: { description: 'No such operation' },
    },
    async handle({ params, tenant }) {
      const differences = await ports.rebuilds.differences(tenant, await operated(params.id, ports));
      const items = differences.map(({ before = null, after = null, ...rest }) => ({ ...rest, before, after }));
      return { status: 200, body: { items } };
    },
  });

const accepted = (rebuild: Rebuild, ports: RebuildPorts): EndpointResponse => ({
  status: 202,
  body: operationOf(rebuild, ports),
  location: `/v1/operations/rebuild~${buildName(rebuild)}`,
});

async function operated(id: string, { rebuilds }: RebuildPorts): Promise<Rebuild> {
  const { name, number } = REBUILD.exec(id)?.groups ?? {};
  const found = name === undefined ? [] : await rebuilds.list(name);
  const rebuild = found.find((one) => one.number === Number(number));
  if (rebuild !== undefined) return rebuild;
  throw new NotFound(
    'operation.unknown',
    'There is no such operation.',
    'Use the Location of the answer that began it.',
  );
}

async function newest(name: string, { projections, rebuilds }: RebuildPorts): Promise<Rebuild> {
  const [rebuild] = await rebuilds.list(name);
  if (rebuild !== undefined) return rebuild;
  throw projections.some((one) => one.name === name) ? notOpen(name) : unknown(name);
}

function operationOf(rebuild: Rebuild, { clock }: RebuildPorts): z.input<typeof operationBody> {
  const { state, isShadow, total, startedAt, finishedAt, comparison } = rebuild;
  const done = isOpen(rebuild) || rebuild.done === 0n ? rebuild.done : total;
  const nowMs = clock.now().getTime();
  const seconds = Math.max(0.001, ((finishedAt?.getTime() ?? nowMs) - startedAt.getTime()) / 1000);
  const rate = isOpen(rebuild) && done > 0n ? Number(done) / seconds : null;
  const left = Number(total - done);
  return {
    state: stateOf(rebuild),
    done: String(done),
    total: String(total),
    rate,
    eta: rate === null || state !== 'building' ? null : new Date(nowMs + (left / rate) * 1000).toISOString(),
    errors: errorsOf(rebuild),
    projection: rebuild.projection,
    schemaVersion: rebuild.schemaVersion,
    shadow: isShadow,
    previousKept: state === 'switched' && rebuild.hasTable,
    comparison: comparison ?? null,
  };
}

function stateOf({ state, isShadow, isForced, parked }: Rebuild): z.input<typeof operationBody>['state'] {
  if (state === 'switched') return 'done';
  if (state === 'cancelled' || state === 'rolled-back') return state;
  const mustBeSeenTo = isShadow || (!isForced && Object.keys(parked).length > 0);
  return state === 'compared' && mustBeSeenTo ? 'waiting' : 'running';
}

function errorsOf({ parked, error, projection, number }: Rebuild): string[] {
  const build = buildName({ projection, number });
  const streams = Object.entries(parked).map(
    ([code, count]) => `${count} streams are parked with ${code}: see the dead letters of ${build}.`,
  );
  return [...streams, ...(error === undefined ? [] : [error])];
}

const isOpen = ({ state }: Rebuild): boolean => state === 'building' || state === 'compared';

const notOpen = (name: string): Conflict =>
  new Conflict('projection.no-rebuild', `${name} is not being rebuilt.`, 'Begin it: gw projections rebuild NAME.');

const stillOpen = (name: string): Conflict =>
  new Conflict(
    'projection.rebuild-open',
    `${name} is being rebuilt.`,
    'Wait for it, or cancel it: gw projections cancel NAME.',
  );

const hasFollowUps = (name: string): Conflict =>
  new Conflict(
    'projection.shadow-without-follow-ups',
    `Commands follow from the events of ${name}, and a shadow run stores none.`,
    'Cancel it, and begin a rebuild: gw projections rebuild NAME.',
  );

function unknown(name: string): never {
  throw new NotFound('projection.unknown', `There is no projection ${name}.`, 'GET /v1/projections lists them.');
}
