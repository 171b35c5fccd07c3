// Rebuilds of read models: begun, watched, compared, switched and taken back. All tenants share a read model.
import { z } from 'zod';
import { Conflict, NotFound } from '../errors.ts';
import type { Actor } from '../ports/access.ts';
import type { Clock } from '../ports/clock.ts';
import type { Rebuild, RebuildKind, Rebuilds } from '../ports/rebuilds.ts';
import { buildName } from '../projections/building-projection.ts';
import type { Projection } from '../projections/projection.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { pageLimit, pageOf } from './page.ts';
import { OPERATE_INSTALLATION, READ, READ_PAYLOADS } from './platform-roles.ts';

export interface RebuildPorts {
  readonly projections: readonly Projection[];
  readonly rebuilds: Rebuilds;
  readonly clock: Clock;
}

const operationBody = z.object({
  id: z.string(),
  state: z
    .enum(['running', 'waiting', 'done', 'cancelled', 'rolled-back'])
    .describe('waiting: somebody has to switch, cancel, or see to the errors.'),
  done: z.string(),
  total: z.string(),
  rate: z.number().nullable().describe('Positions a second since it began.'),
  eta: z.iso.datetime().nullable(),
  errors: z.array(z.string()),
  startedAt: z.iso.datetime(),
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

type Operation = z.input<typeof operationBody>;

const differenceBody = z.object({
  key: z.string(),
  change: z.enum(['added', 'removed', 'changed']),
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
});

const byName = z.object({ name: z.string().max(200) });
const byId = z.object({ id: z.string().max(250) });
const REBUILD = /^rebuild~(?<name>[^~]{1,200})~(?<number>[1-9]\d{0,8})$/;

/** All rebuilds of a read model are for those who run the installation; anybody may see how far they are. */
export const rebuildEndpoints = (ports: RebuildPorts): readonly Endpoint[] => [
  ...beginning(ports),
  ...decidingOnTheNewest(ports),
  listOperations(ports),
  getOperation(ports),
  getDifferences(ports),
];

function beginning(ports: RebuildPorts): readonly Endpoint[] {
  const begin = (verb: string, summary: string, kind: RebuildKind): Endpoint =>
    projectionAction(ports, { verb, summary, status: 202 }, (name) =>
      ports.rebuilds.begin(ports.projections.find((one) => one.name === name) ?? unknown(name), kind),
    );
  return [
    begin('rebuild', 'Builds the read model of all tenants beside the live one, and switches', { isShadow: false }),
    begin('repair', 'As rebuild, into a table as it is declared, whatever became of the live one', {
      isShadow: false,
      isRepair: true,
    }),
    begin('shadow', 'Builds the read model beside the live one, to compare their rows before a switch', {
      isShadow: true,
    }),
  ];
}

function decidingOnTheNewest(ports: RebuildPorts): readonly Endpoint[] {
  const { projections, rebuilds } = ports;
  const decide = (
    action: Action,
    work: (rebuild: Rebuild, query: { force?: string | undefined }) => Promise<void>,
  ): Endpoint =>
    projectionAction(ports, action, async (name, query) => {
      await work(await newest(name, ports), query);
      return newest(name, ports);
    });
  return [
    decide({ verb: 'switch', summary: SWITCH, status: 202, query: forceQuery }, async (rebuild, { force }) => {
      if (!isOpen(rebuild)) throw notOpen(rebuild.projection);
      const projection = projections.find((one) => one.name === rebuild.projection);
      if (rebuild.isShadow && projection?.followUps !== undefined) throw hasFollowUps(rebuild.projection);
      await rebuilds.approve(rebuild, { isForced: force === 'true' });
    }),
    decide({ verb: 'cancel', summary: CANCEL, status: 200 }, (rebuild) => {
      if (!isOpen(rebuild)) throw notOpen(rebuild.projection);
      return rebuilds.drop(rebuild);
    }),
    decide({ verb: 'rollback', summary: ROLLBACK, status: 200 }, (rebuild) => rebuilds.rollBack(rebuild)),
    decide({ verb: 'drop-previous', summary: DROP_PREVIOUS, status: 200 }, (rebuild) => {
      if (isOpen(rebuild)) throw stillOpen(rebuild.projection);
      return rebuilds.drop(rebuild);
    }),
  ];
}

const SWITCH =
  'Lets a shadow run take the place of the live read model, or with force=true a build with parked streams';
const CANCEL = 'Ends a rebuild that is on its way; the live read model stays as it is';
const ROLLBACK = 'Puts the table before the last rebuild back; it goes on where it stood';
const DROP_PREVIOUS = 'Drops the table before the last rebuild: no rollback any more';

const forceQuery = z.strictObject({ force: z.enum(['true', 'false']).default('false') });

interface Action {
  readonly verb: string;
  readonly summary: string;
  /** 202 for what goes on behind the answer. */
  readonly status: 200 | 202;
  readonly query?: typeof forceQuery;
}

/** `POST /v1/projections/:name/<verb>`, answered with the operation that `work` has begun or changed. */
const projectionAction = (
  ports: RebuildPorts,
  { verb, summary, status, query }: Action,
  work: (name: string, query: { force?: string | undefined }) => Promise<Rebuild>,
): Endpoint =>
  endpoint({
    method: 'POST',
    path: `/v1/projections/:name/${verb}`,
    summary,
    permission: OPERATE_INSTALLATION,
    params: byName,
    ...(query === undefined ? {} : { query }),
    responses: {
      [status]: { description: 'The operation', schema: operationBody },
      404: { description: 'No such projection' },
      409: { description: 'One is on its way already, or there is none to do it to' },
    },
    async handle(request) {
      const operation = operationOf(await work(request.params.name, request.query ?? {}), ports);
      return { status, body: operation, location: `/v1/operations/${operation.id}` };
    },
  });

const listOperations = (ports: RebuildPorts): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/operations',
    summary: 'Long operations, the newest first',
    permission: READ,
    query: z.strictObject({ projection: z.string().max(200).optional(), limit: pageLimit }),
    responses: { 200: { description: 'The newest operations', schema: pageOf(operationBody) } },
    async handle({ query: { projection, limit }, actor }) {
      const rebuilds = (await ports.rebuilds.list(projection)).slice(0, limit);
      return {
        status: 200,
        body: { items: rebuilds.map((one) => shownTo(actor, operationOf(one, ports))), next: null },
      };
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
      return { status: 200, body: shownTo(actor, operationOf(await operated(params.id, ports), ports)) };
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

/** Numbers of rows and parked streams would tell a tenant about the others. */
function shownTo(actor: Actor, operation: Operation): Operation {
  if (actor.permissions.has(OPERATE_INSTALLATION)) return operation;
  const errors = operation.errors.length === 0 ? [] : ['Those who run the installation see what is wrong.'];
  return { ...operation, errors, comparison: null };
}

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

function operationOf(rebuild: Rebuild, { clock }: RebuildPorts): Operation {
  const { state, isShadow, total, startedAt, finishedAt, comparison } = rebuild;
  const done = isOpen(rebuild) || rebuild.done === 0n ? rebuild.done : total;
  const nowMs = clock.now().getTime();
  const seconds = Math.max(0.001, ((finishedAt?.getTime() ?? nowMs) - startedAt.getTime()) / 1000);
  const rate = isOpen(rebuild) && done > 0n ? Number(done) / seconds : null;
  const left = Number(total - done);
  return {
    id: `rebuild~${buildName(rebuild)}`,
    state: stateOf(rebuild),
    done: String(done),
    total: String(total),
    rate,
    eta: rate === null || state !== 'building' ? null : new Date(nowMs + (left / rate) * 1000).toISOString(),
    errors: errorsOf(rebuild),
    startedAt: startedAt.toISOString(),
    projection: rebuild.projection,
    schemaVersion: rebuild.schemaVersion,
    shadow: isShadow,
    previousKept: state === 'switched' && rebuild.hasTable,
    comparison: comparison ?? null,
  };
}

function stateOf({ state, isShadow, isForced, parked }: Rebuild): Operation['state'] {
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
