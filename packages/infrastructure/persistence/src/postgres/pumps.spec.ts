// Pumps on PostgreSQL, told by LISTEN, logical decoding or Supabase: nothing is lost, whoever commits, whatever breaks.
import {
  logSource,
  Pump,
  type ChangeNotifications,
  type Pumped,
  type PumpSettings,
  type LoggedEvent,
  type StoredCommand,
} from '@groundwork/application';
import {
  dataOf,
  eventually,
  MemoryLogger,
  MemoryMetrics,
  newCommand,
  newEvent,
  newStream,
  newTenant,
  SystemClock,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { decodingSql, LogicalDecoding } from './logical-decoding.ts';
import { postgresUnderTest, type PostgresUnderTest, type Stores } from './postgres-under-test.ts';
import { FakeRealtime } from './realtime-under-test.ts';
import { Signals } from './signals.ts';
import { SupabaseRealtime, supabaseSql } from './supabase-realtime.ts';

const LONG_MS = 60_000;
const TYPES = ['NoteWritten'];

let postgres: PostgresUnderTest;
let stores: Stores;
const opened: (() => Promise<void>)[] = [];
beforeEach(async () => {
  postgres = await postgresUnderTest();
  stores = postgres.stores([{ type: 'NoteWritten', schemaVersion: 1 }]);
});
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
  await postgres.close();
});

/** Runs a pump until the end of the test; gives the items that its handler has taken. */
function pump<Item>(
  pumped: Omit<Pumped<Item>, 'name' | 'handle'>,
  notifications: ChangeNotifications,
  settings: Partial<PumpSettings> = {},
  handle: Pumped<Item>['handle'] = async () => undefined,
): Item[] {
  const taken: Item[] = [];
  const ports = { notifications, clock: new SystemClock(), logger: new MemoryLogger(), metrics: new MemoryMetrics() };
  const running = new Pump<Item>(
    {
      ...pumped,
      name: 'notes.watch',
      handle: async (batch) => {
        await handle(batch);
        taken.push(...batch);
      },
    },
    ports,
    { retryDelayMs: 20, ...settings },
  );
  const stop = new AbortController();
  const ended = running.run(stop.signal);
  opened.push(() => (stop.abort(), ended));
  return taken;
}

const eventPump = (notifications: ChangeNotifications, settings?: Partial<PumpSettings>): LoggedEvent[] =>
  pump({ source: logSource(stores.log, { types: TYPES, after: 0n }), channel: 'log' }, notifications, settings);

function listening(): Signals {
  const signals = new Signals(stores.worker, postgres.url, new MemoryLogger());
  opened.push(() => signals.close());
  return signals;
}

function decoding(logger = new MemoryLogger()): LogicalDecoding {
  const decoder = new LogicalDecoding(postgres.url, logger);
  opened.push(() => decoder.close());
  return decoder;
}

/** A pump's notifications whose listener is at work: a first event has been heard of without waiting for the poll. */
async function heard(taken: readonly unknown[]): Promise<void> {
  await eventually(async () => {
    await write(1);
    return taken.length > 0;
  }, 20_000);
}

const write = async (count: number, text = 'x'): Promise<void> => {
  const events = Array.from({ length: count }, () => newEvent('NoteWritten', { text }));
  await stores.events.append({ tenant: newTenant(), stream: newStream(), expected: 0, events });
};

/** An event that somebody commits past every program of ours, as in psql. */
const writeByHand = (): Promise<unknown> =>
  postgres.administrator.query(
    `with locked as materialized (select pg_advisory_xact_lock(7091720340)),
     stream as (
       insert into groundwork.stream (tenant, type, id) select 'demo', 'note', $1 from locked returning stream_id
     )
     insert into groundwork.event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source,
                                   occurred_at, recorded_at, correlation_id, metadata, data)
     select coalesce((select max(position) from groundwork.event), 0) + 1, stream_id, 1, 'demo', $1::uuid, 'NoteWritten',
            1, 'system', now(), clock_timestamp(), 'by-hand', '{"actor":"psql","correlationId":"by-hand"}', '{}'
       from stream`,
    [randomUUID()],
  );

describe('a pump that listens', () => {
  it('S1-24 is told of the position alone, so that an event of 1 MB comes through like any other', async () => {
    const payloads: (string | undefined)[] = [];
    postgres.administrator.on('notification', ({ payload }) => payloads.push(payload));
    await postgres.administrator.query('listen groundwork_log');
    const taken = eventPump(listening(), { pollIntervalMs: LONG_MS });
    await write(1, 'm'.repeat(1_000_000));
    await eventually(() => taken.length === 1);
    expect((dataOf(taken[0]!) as { text: string }).text).toHaveLength(1_000_000);
    await eventually(() => payloads.length > 0);
    expect(payloads).toEqual([String(taken[0]!.position)]);
  });

  it('S1-23 brings events and commands by the same class, each from its table to its handler', async () => {
    const signals = listening();
    const events = eventPump(signals);
    const source = {
      table: 'groundwork.command',
      next: (limit: number) => stores.queue.claim('pump', limit, LONG_MS),
    };
    const commands = pump<StoredCommand>({ source, channel: 'commands' }, signals, {}, async (batch) => {
      for (const command of batch) await stores.commands.complete(command, 'pump', {});
    });
    const sent = Array.from({ length: 5 }, () => newCommand());
    for (const command of sent) await stores.commands.accept(command);
    await write(3);
    await eventually(() => events.length === 3 && commands.length === 5);
    expect(commands.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    for (const { tenant, id } of sent) {
      expect(await stores.commands.get(tenant, id)).toMatchObject({ status: 'processed' });
    }
  });

  it('S1-42 hears within a second of an event that was committed past every program', async () => {
    const taken = eventPump(listening());
    await heard(taken);
    const before = taken.length;
    await eventually(() => taken.length === before);
    await writeByHand();
    const committedAt = performance.now();
    await eventually(() => taken.some(({ metadata }) => metadata.actor === 'psql'));
    expect(performance.now() - committedAt).toBeLessThan(1_000);
  });

  it('S1-27 loses nothing while its connections are ended again and again: it goes on from its position', async () => {
    const taken = eventPump(listening(), { batchSizeMax: 7 });
    for (let round = 0; round < 10; round++) {
      await write(20);
      await endOtherSessions();
    }
    await eventually(async () => BigInt(taken.length) === (await stores.log.head()).position);
    const positions = taken.map(({ position }) => position);
    expect(positions).toEqual(positions.map((_, at) => BigInt(at + 1)));
  });
});

const endOtherSessions = (): Promise<unknown> =>
  postgres.administrator.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()
        and application_name in ('groundwork-listen', 'groundwork-decode')`,
  );

describe('a pump that decodes the write-ahead log', () => {
  const slots = async (): Promise<number> => {
    const { rowCount } = await postgres.administrator.query(
      'select from pg_replication_slots where database = current_database()',
    );
    return rowCount!;
  };
  const setUp = async (): Promise<void> => {
    await postgres.administrator.query(`create role "${LOGIN}"; ${decodingSql(LOGIN)}; drop role "${LOGIN}"`);
  };
  const LOGIN = `decoder-${randomUUID()}`;

  it('S1-42 hears within a second of an event that was committed past every program, without ever looking by itself', async () => {
    await setUp();
    const taken = eventPump(decoding(), { pollIntervalMs: LONG_MS });
    await heard(taken);
    for (let n = 1; n <= 3; n++) {
      await writeByHand();
      const committedAt = performance.now();
      await eventually(() => taken.filter(({ metadata }) => metadata.actor === 'psql').length === n);
      expect(performance.now() - committedAt).toBeLessThan(1_000);
    }
  });

  it('S1-27 loses nothing while its connection is ended again and again, and leaves no slot behind', async () => {
    await setUp();
    const decoder = decoding();
    const taken = eventPump(decoder, { pollIntervalMs: LONG_MS });
    await heard(taken);
    for (let round = 0; round < 3; round++) {
      expect(await slots()).toBe(1);
      await endOtherSessions();
      await write(20);
      await writeByHand();
      await eventually(async () => BigInt(taken.length) === (await stores.log.head()).position);
      await eventually(async () => (await slots()) === 1);
    }
    const positions = taken.map(({ position }) => position);
    expect(positions).toEqual(positions.map((_, at) => BigInt(at + 1)));
    await decoder.close();
    await eventually(async () => (await slots()) === 0);
  });

  it('says what is missing where nothing was set up, and finds events by looking', async () => {
    const logger = new MemoryLogger();
    const taken = eventPump(decoding(logger), { pollIntervalMs: 100 });
    await write(2);
    await eventually(() => taken.length === 2);
    const told = await eventually(() => logger.lines.find(({ level }) => level === 'warn'));
    expect(told.fields['error']).toMatchObject({ code: 'database.decoding-not-set-up' });
  });
});

describe('a pump that is told by Supabase Realtime', () => {
  let realtime: FakeRealtime;
  beforeEach(async () => {
    realtime = await FakeRealtime.start();
    opened.push(() => realtime[Symbol.asyncDispose]());
  });

  function told(logger = new MemoryLogger()): SupabaseRealtime {
    const supabase = new SupabaseRealtime({ url: realtime.url, key: 'secret-key' }, logger);
    opened.push(() => supabase.close());
    return supabase;
  }

  /** As the service does, whose own decoding stands behind it. */
  function tellOfCommits(): void {
    const signals = listening();
    const stop = new AbortController();
    const telling = (async () => {
      for (let last = 0n; !stop.signal.aborted;) {
        await signals.wait('log', 50, stop.signal);
        const { position } = await stores.log.head();
        if (position > last) realtime.tell('log', { position: Number((last = position)), data: 'not for the wire' });
      }
    })();
    opened.push(() => (stop.abort(), telling));
  }

  it('S1-24 hears of positions alone, also of an event of 1 MB, without ever looking by itself', async () => {
    tellOfCommits();
    const taken = eventPump(told(), { pollIntervalMs: LONG_MS });
    await heard(taken);
    await write(1, 'm'.repeat(1_000_000));
    const textOf = (event: LoggedEvent): string => (dataOf(event) as { text: string }).text;
    await eventually(() => taken.some((event) => textOf(event).length === 1_000_000));
    expect(realtime.told.every((record) => Object.keys(record as object).join() === 'position')).toBe(true);
    expect(realtime.joins).toEqual([
      {
        key: 'secret-key',
        filters: [
          { event: 'INSERT', schema: 'groundwork', table: 'event', select: ['position'] },
          { event: 'INSERT', schema: 'groundwork', table: 'command', select: ['acceptance'] },
        ],
      },
    ]);
  });

  it('S1-24, S1-27 loses nothing while its connection is ended again and again: it joins anew, looks, and says so', async () => {
    tellOfCommits();
    const logger = new MemoryLogger();
    const taken = eventPump(told(logger), { pollIntervalMs: LONG_MS });
    await heard(taken);
    for (let round = 1; round <= 3; round++) {
      realtime.hangUp();
      await write(20);
      await eventually(() => realtime.joins.length === 1 + round, 20_000);
      await eventually(async () => BigInt(taken.length) === (await stores.log.head()).position, 20_000);
    }
    const positions = taken.map(({ position }) => position);
    expect(positions).toEqual(positions.map((_, at) => BigInt(at + 1)));
    expect(logger.lines.some(({ level, message }) => level === 'warn' && message.includes('is away'))).toBe(true);
  });

  it('needs what is printed for its project: positions are published, no payload may be seen, and commands can be worked on', async () => {
    const asked = async <R>(sql: string): Promise<R[]> => (await postgres.administrator.query(sql)).rows as R[];
    await stores.commands.accept(newCommand());
    await asked('begin; create role service_role bypassrls; create publication supabase_realtime');
    try {
      await asked(supabaseSql);
      expect(await asked('select tablename, attnames::text[] from pg_publication_tables order by 1')).toEqual([
        { tablename: 'command', attnames: ['tenant', 'command_id', 'acceptance'] },
        { tablename: 'event', attnames: ['position'] },
      ]);
      const changed = await postgres.administrator.query(`update groundwork.command set status = 'failed'`);
      expect(changed.rowCount).toBe(1);
      await asked('set local role service_role');
      expect(await asked('select position from groundwork.event')).toEqual([]);
      await expect(asked('select data from groundwork.event')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await asked('rollback');
    }
  });
});
