// Messages a second of a relay from the log to RabbitMQ, against publishing the same with confirms and nothing else.
import { randomUUID } from 'node:crypto';
import {
  Clock,
  EventLog,
  EventTypes,
  Ids,
  Logger,
  LogSignal,
  MessageBus,
  MessageDestination,
  Metrics,
  ProjectionRunner,
  ProjectionStore,
  relaysOf,
  TimeLimit,
  Tracer,
  type Publication,
} from '@groundwork/application';
import { compose, ownerName, platformModules, readSettings, type App } from '@groundwork/configuration';
import amqplib from 'amqplib';
import { z } from 'zod';
import { BENCH_EVENT_TYPE, benchModule } from './bench.module.ts';
import { figuresOf, medianRatio, type Window } from './closed-loop.ts';
import { fillLog } from './filled-log.ts';
import { ratioName } from './interleaved.ts';
import { payload } from './payload.ts';
import type { Suite } from './suite.ts';

const EVENTS = 20_000;
const ROUNDS = 5;
/** As many as a relay has in hand. */
const BATCH = 500;
const AMQP_URL = process.env['GW_BENCH_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';

interface Sender {
  readonly name: string;
  /** Sends all events once, and resolves when the broker has confirmed every one. */
  send(): Promise<void>;
}

export const relaySuite: Suite = {
  name: 'relay',
  description:
    `messages a second that a relay brings from a log of ${EVENTS} events (--events) to a queue of RabbitMQ ` +
    '(GW_BENCH_AMQP_URL), against amqplib publishing as many with confirms',
  run: async (bench) => {
    const eventCount = bench.events ?? EVENTS;
    await fillLog(bench.url, eventCount, bench.note);
    await using opened = new AsyncDisposableStack();
    const senders = [await relay(bench.url, eventCount, opened), await plainPublisher(eventCount, opened)];
    const windows = new Map<Sender, Window[]>(senders.map((sender) => [sender, []]));
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [sender, measured] of windows) {
        const startedAt = performance.now();
        await sender.send();
        const perSecond = (eventCount * 1000) / (performance.now() - startedAt);
        bench.note(`${sender.name}: ${Math.round(perSecond)} messages a second`);
        // The first round warms up.
        if (round > 0) measured.push({ perSecond, latenciesMs: [] });
      }
    }
    const [ours, plain] = [...windows.values()];
    return {
      results: [...windows].map(([{ name }, measured]) => ({ name, concurrency: 1, ...figuresOf(measured) })),
      ratios: { [ratioName('relay', senders[1]!.name)]: medianRatio(ours!, plain!) },
    };
  },
};

/** Each time a relay that has not run before, with the settings that a worker has by default. */
async function relay(url: string, eventCount: number, opened: AsyncDisposableStack): Promise<Sender> {
  const settings = readSettings({
    DATABASE_URL: url,
    AMQP_URL,
    GW_BUS: 'rabbitmq',
    GW_BUS_PREFIX: `gw-bench-${randomUUID().slice(0, 8)}`,
    LOG_LEVEL: 'error',
  });
  const app = opened.use(
    await compose({ program: 'bench', modules: [...platformModules(settings, 'worker'), benchModule] }),
  );
  const { queues } = app.get(MessageBus);
  const queue = 'relayed';
  await queues.create({ name: queue, topic: 'bench.>' });
  opened.defer(() => queues.delete(queue));
  let round = 0;
  return {
    name: 'groundwork',
    send: async () => {
      await queues.purge(queue);
      const runner = runnerOf(app, told(`bench.told-${++round}`), settings.worker);
      while (await runner.runOnce()) continue;
      const facts = await queues.facts(queue);
      if (facts?.waiting !== eventCount)
        throw new Error(`The queue holds ${facts?.waiting} of ${eventCount} messages.`);
    },
  };
}

const told = (name: string): Publication => ({
  name,
  eventTypes: [BENCH_EVENT_TYPE],
  messages: [{ type: BENCH_EVENT_TYPE, schemaVersion: 1, summary: 'Measured.', data: z.unknown() }],
  announce: ({ type, data }) => [{ type, data }],
});

function runnerOf(
  app: App,
  publication: Publication,
  worker: ReturnType<typeof readSettings>['worker'],
): ProjectionRunner {
  const how = { types: app.get(EventTypes), startAt: 'beginning' } as const;
  const [one] = relaysOf([publication], app.getAll(MessageDestination), how);
  const ids = app.get(Ids);
  const ports = {
    store: app.get(ProjectionStore),
    log: app.get(EventLog),
    signal: app.get(LogSignal),
    clock: app.get(Clock),
    ids,
    timeLimit: app.get(TimeLimit),
    tracer: app.get(Tracer),
    logger: app.get(Logger),
    metrics: app.get(Metrics),
  };
  const { slices, leaseMs, pollIntervalMs } = worker;
  return new ProjectionRunner(one!, ports, {
    owner: ownerName(ids),
    slices,
    batchSizeMax: BATCH,
    leaseMs,
    pollIntervalMs,
  });
}

/** What a program would write that knows nothing of a log: as many at a time, persistent, all confirmed. */
async function plainPublisher(eventCount: number, opened: AsyncDisposableStack): Promise<Sender> {
  const connection = await amqplib.connect(AMQP_URL);
  opened.defer(() => connection.close());
  const channel = await connection.createConfirmChannel();
  const [exchange, queue] = ['exchange', 'queue'].map((part) => `gw-bench-${part}-${randomUUID().slice(0, 8)}`) as [
    string,
    string,
  ];
  await channel.assertExchange(exchange, 'topic', { durable: true });
  await channel.assertQueue(queue, { durable: true });
  await channel.bindQueue(queue, exchange, 'bench.#');
  opened.defer(async () => {
    await channel.deleteQueue(queue);
    await channel.deleteExchange(exchange);
  });
  const body = Buffer.from(JSON.stringify({ specversion: '1.0', id: randomUUID(), data: payload }));
  return {
    name: 'plain amqplib',
    send: async () => {
      await channel.purgeQueue(queue);
      for (let sent = 0; sent < eventCount; sent += BATCH) {
        const count = Math.min(BATCH, eventCount - sent);
        for (let n = 0; n < count; n++) {
          channel.publish(exchange, 'bench.measured', body, { persistent: true, messageId: randomUUID() });
        }
        await channel.waitForConfirms();
      }
    },
  };
}
