// 50 programs with a connection each begin one stream at the same moment, directly or through a pooler.
import { EventTypes } from '@groundwork/application';
import { collected, MemoryLogger, newEvent, newStream, newTenant } from '@groundwork/testing';
import { expect } from '@jest/globals';
import { PostgresEventStore } from './postgres-event-store.ts';
import type { PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

const PROGRAMS = 50;
const SAME_VERSION = `
  insert into groundwork.event
    select (jsonb_populate_record(e, jsonb_build_object('position', 1000000, 'event_id', gen_random_uuid()))).*
      from groundwork.event e where e.tenant = $1 and e.stream_version = $2`;

/** One wins and 49 get the conflict; then all append, and the versions are 1 to 50, kept unique by the table itself. */
export async function expectOneFirst(postgres: PostgresUnderTest): Promise<void> {
  const types = new EventTypes([{ type: 'Begun', schemaVersion: 1 }]);
  const programs = Array.from({ length: PROGRAMS }, () => {
    const database = postgres.connect('groundwork_app', { poolSizeMax: 2, applicationName: 'first-append' });
    const store = new PostgresEventStore(database, types, new Signals(database, undefined, new MemoryLogger()));
    return { database, store };
  });
  const [tenant, stream] = [newTenant(), newStream()];
  const append = ({ store }: (typeof programs)[number], expected: 'no-stream' | 'any') =>
    store.append({ tenant, stream, expected, events: [newEvent('Begun', {})] });
  const connected = await Promise.all(
    programs.map(({ database }) => database.queryInOrder({ name: 'connected', text: 'select 1 as one' })),
  );
  expect(connected).toHaveLength(PROGRAMS);

  const first = await Promise.allSettled(programs.map((program) => append(program, 'no-stream')));
  const refused = first.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason as unknown);
  expect(refused).toHaveLength(PROGRAMS - 1);
  for (const reason of refused) {
    expect(reason).toMatchObject({
      code: 'event-store.version-conflict',
      details: { expected: 'no-stream', actual: 1 },
    });
  }
  expect(await collected(programs[0]!.store.readStream(tenant, stream))).toHaveLength(1);

  const losers = programs.filter((_, at) => first[at]!.status === 'rejected');
  await Promise.all(losers.map((program) => append(program, 'any')));
  const stored = await collected(programs[0]!.store.readStream(tenant, stream));
  expect(stored.map(({ streamVersion }) => streamVersion)).toEqual(programs.map((_, at) => at + 1));
  for (const version of [1, PROGRAMS]) {
    await expect(postgres.administrator.query(SAME_VERSION, [tenant, version])).rejects.toMatchObject({
      code: '23505',
      constraint: 'event_stream_version',
    });
  }
}
