// Two that decide on the same version: one of them is told so, and nothing of it is stored.
import { EventTypes, type Append, type Appended } from '@groundwork/application';
import { infrastructureFactory } from '@groundwork/configuration';
import { MemoryEventStore, MemoryLog } from '@groundwork/persistence';
import { collected, newEvent, newStream, newTenant, SystemClock, testDatabase } from '@groundwork/testing';
import { expect, it } from '@jest/globals';
import { COUNTER_TYPES, counterModule } from './counter.module.ts';
import { storeProcess } from './store-process.ts';

const ROUNDS = 25;

interface Strategy extends AsyncDisposable {
  readonly both: readonly [
    append: (append: Append) => Promise<Appended>,
    append: (append: Append) => Promise<Appended>,
  ];
  readonly read: (append: Append) => Promise<readonly { readonly id: string }[]>;
}

it.each([
  ['two processes on PostgreSQL', twoProcesses],
  ['two stores on one log in memory', twoMemoryStores],
])(
  'S3-07 of %s only one appends to a version; the other gets the conflict with both versions, and stores nothing',
  async (_name, open) => {
    await using strategy = await open();
    const [tenant, stream] = [newTenant(), newStream('counter')];
    const winners: string[] = [];
    for (let version = 0; version < ROUNDS; version++) {
      const appends = strategy.both.map((append) => ({
        append,
        given: { tenant, stream, expected: version, events: [newEvent('CounterIncreased', { by: 1 })] },
      }));
      const answers = await Promise.allSettled(appends.map(({ append, given }) => append(given)));
      const won = answers.findIndex(({ status }) => status === 'fulfilled');
      expect(answers[won]).toMatchObject({ value: { streamVersion: version + 1, repeated: false } });
      expect(answers[1 - won]).toMatchObject({
        status: 'rejected',
        reason: { code: 'event-store.version-conflict', details: { expected: version, actual: version + 1 } },
      });
      winners.push(appends[won]!.given.events[0]!.id);
      expect((await strategy.read(appends[won]!.given)).map(({ id }) => id)).toEqual(winners);
    }
  },
  30_000,
);

async function twoProcesses(): Promise<Strategy> {
  const opened = new AsyncDisposableStack();
  const { url } = opened.adopt(await testDatabase(), (database) => database.drop());
  const both = await Promise.all([storeProcess(url), storeProcess(url)]);
  for (const one of both) opened.use(one);
  const { eventStore } = opened.use(await infrastructureFactory({ databaseUrl: url, modules: [counterModule] }));
  return {
    both: [both[0].append, both[1].append],
    read: ({ tenant, stream }) => collected(eventStore.readStream(tenant, stream)),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function twoMemoryStores(): Promise<Strategy> {
  const [types, clock, log] = [new EventTypes(COUNTER_TYPES), new SystemClock(), new MemoryLog()];
  const [first, second] = [new MemoryEventStore(types, clock, log), new MemoryEventStore(types, clock, log)];
  return {
    both: [(append) => first.append(append), (append) => second.append(append)],
    read: ({ tenant, stream }) => collected(second.readStream(tenant, stream)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
