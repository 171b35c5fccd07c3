import {
  Clock,
  CommandHandler,
  type CommandContext,
  CommandStore,
  EventStore,
  EventSubscriber,
  EventTypeDefinition,
  EventTypes,
  ExactJson,
  Ids,
  Projection,
  ProjectionRegistry,
  ProjectionStore,
  RoleDefinition,
} from '@groundwork/application';
import {
  compose,
  contextModules,
  ManagementServer,
  platformModules,
  readSettings,
  type App,
} from '@groundwork/configuration';
import { parseTenantId, streamId } from '@groundwork/domain';
import { eventually } from '@groundwork/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ContainerModule } from 'inversify';
import { z } from 'zod';
import { contexts } from './contexts.ts';
import { workerModule } from './worker.module.ts';
import { Worker } from './worker.ts';

const tenant = parseTenantId('demo');
const settings = readSettings({ GW_STORE: 'memory', LOG_LEVEL: 'error', MANAGEMENT_PORT: '0' }, contexts);

/** A context of two lines: a command that lights a kiln, and a list of lit kilns. */
const kilnModule = new ContainerModule(({ bind }) => {
  bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'KilnLit', schemaVersion: 1 });
  bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'potter', permissions: ['kilns:light'] });
  bind(CommandHandler).toResolvedValue(
    (events: EventStore) => ({
      type: 'kilns.light-kiln',
      permission: 'kilns:light',
      schema: z.object({ kiln: z.string() }),
      handle: async ({ kiln }: { kiln: string }, { commandId: id, correlationId, now }: CommandContext) => {
        const metadata = { actor: 'potter', correlationId, causationId: id };
        const event = { id, type: 'KilnLit', source: 'api', occurredAt: now, data: { kiln }, metadata } as const;
        const stream = streamId('kiln', kiln);
        const { position } = await events.append({ tenant, stream, expected: 'any', events: [event] });
        return { position: String(position) };
      },
    }),
    [EventStore],
  );
  bind<Projection>(Projection).toConstantValue({
    name: 'kilns.lit-kilns',
    schemaVersion: 1,
    table: { schema: 'kilns', name: 'lit_kiln', columns: { kiln: 'text' }, key: 'kiln' },
    eventTypes: ['KilnLit'],
    keyOf: (event) => event.stream.id,
    apply: (_row, event) => ({ kiln: event.stream.id }),
  });
});

const open: App[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app[Symbol.asyncDispose]();
});

async function composedWith(...modules: ContainerModule[]): Promise<App> {
  const app = await compose({
    program: 'worker',
    modules: [...platformModules(settings, 'worker'), ...modules, workerModule(settings)],
    roots: [Worker, ManagementServer],
  });
  open.push(app);
  return app;
}

async function acceptCommand(app: App): Promise<{ status: () => Promise<string | undefined> }> {
  const store = app.get(CommandStore);
  const { command } = await store.accept({
    id: app.get(Ids).next(),
    tenant,
    type: 'kilns.light-kiln',
    payload: new ExactJson('{"kiln":"north"}'),
    orderKeys: ['kiln/north'],
    idempotencyKey: undefined,
    fingerprint: 'f',
    actor: { subject: 'potter', permissions: ['kilns:light'] },
    correlationId: 'c-1',
  });
  return { status: async () => (await store.get(tenant, command.id))?.status };
}

describe('The worker', () => {
  it('S0-01 is put together from its contexts on memory, with everything that any of them asks for', async () => {
    const app = await composedWith(...contextModules(contexts, settings));
    expect(app.get(Worker)).toBeInstanceOf(Worker);
    expect(app.getAll(Clock)).toHaveLength(1);
  });

  it('S1-14 loads every projection of its contexts, and refuses one by name that follows an unknown event type', async () => {
    const known = await composedWith(kilnModule, ...contextModules(contexts, settings));
    const names = known.get(ProjectionRegistry).all.map(({ name }) => name);
    expect(names.toSorted()).toEqual(
      known
        .getAll(Projection)
        .map(({ name }) => name)
        .toSorted(),
    );
    expect(names).toEqual(expect.arrayContaining(['kilns.lit-kilns', 'clients.client-list']));

    const [lit] = known.getAll(Projection).filter(({ name }) => name === 'kilns.lit-kilns');
    const projecting = (form: Partial<Projection>): ContainerModule =>
      new ContainerModule(({ bind }) => void bind<Projection>(Projection).toConstantValue({ ...lit!, ...form }));
    await expect(
      composedWith(kilnModule, projecting({ name: 'kilns.cold', eventTypes: ['KilnLost'] })),
    ).rejects.toMatchObject({
      code: 'projection.unknown-event-type',
      details: { projection: 'kilns.cold', eventType: 'KilnLost' },
    });
    await expect(composedWith(kilnModule, projecting({}))).rejects.toMatchObject({
      code: 'projection.declared-twice',
      details: { projection: 'kilns.lit-kilns' },
    });
  });

  it('S3-20 finds the event types of its modules at the start, and names both places of one that two declare', async () => {
    const types = (await composedWith(kilnModule, ...contextModules(contexts, settings))).get(EventTypes);
    expect(types.all.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['KilnLit', 'ClientCreated', 'TenantDropped']),
    );
    expect(types.require('ClientCreated')).toMatchObject({
      type: 'ClientCreated',
      declaredIn: '@groundwork/clients',
      schemaVersion: 1,
    });
    const potter = new ContainerModule(({ bind }) => {
      bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({
        type: 'ClientCreated',
        declaredIn: '@groundwork/pottery',
        schemaVersion: 1,
      });
    });
    await expect(composedWith(...contextModules(contexts, settings), potter)).rejects.toMatchObject({
      code: 'event-types.declared-twice',
      message: 'The event type ClientCreated is declared in @groundwork/clients and again in @groundwork/pottery.',
    });
  });

  it('S0-07 is not put together with a gap in the upcasters of an event type, and says what to add', async () => {
    const gap = new ContainerModule(({ bind }) => {
      const upcasters = { 1: (data: unknown) => data };
      bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'PotFired', schemaVersion: 3, upcasters });
    });
    await expect(composedWith(kilnModule, gap)).rejects.toMatchObject({
      code: 'event-types.missing-upcaster',
      details: { type: 'PotFired', schemaVersion: 2 },
      next: expect.stringContaining('Add upcasters[2] to PotFired'),
    });
  });

  it('brings new events to subscribers', async () => {
    const heard: string[] = [];
    const subscriber = new ContainerModule(({ bind }) => {
      bind<EventSubscriber>(EventSubscriber).toConstantValue({
        name: 'kilns.bell',
        eventTypes: ['KilnLit'],
        handle: async (events) => void heard.push(...events.map(({ stream }) => stream.id)),
      });
    });
    const app = await composedWith(kilnModule, subscriber);
    const worker = app.get(Worker);
    worker.start();
    await eventually(async () => {
      await acceptCommand(app);
      return heard.length > 0;
    });
    expect(new Set(heard)).toEqual(new Set(['north']));
    await worker.stop();
  });

  it('runs commands and projections, is ready meanwhile, and stops with its slices free', async () => {
    const app = await composedWith(kilnModule);
    const [worker, management, store] = [app.get(Worker), app.get(ManagementServer), app.get(ProjectionStore)];
    const readyz = `http://127.0.0.1:${await management.listen()}/readyz`;
    expect((await fetch(readyz)).status).toBe(503);
    worker.start();
    management.enter('running');
    expect(await (await fetch(`${readyz}?verbose`)).text()).toMatch(/\[\+\] worker-loops ok\n\[\+\] relays ok/);

    const { status } = await acceptCommand(app);
    await eventually(async () => (await status()) === 'processed');
    const reached = await eventually(async () => {
      const [progress] = await store.progress('kilns.lit-kilns');
      return progress?.slices.every(({ position }) => position === 1n) ? progress : undefined;
    });
    expect(reached.slices.some(({ owner }) => owner !== undefined)).toBe(true);

    management.enter('stopping');
    expect((await fetch(readyz)).status).toBe(503);
    await worker.stop();
    const [stopped] = await store.progress('kilns.lit-kilns');
    expect(stopped!.slices.map(({ owner }) => owner)).toEqual(stopped!.slices.map(() => undefined));
  });
});
