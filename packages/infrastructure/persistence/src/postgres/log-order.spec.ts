// A reader that remembers one position misses nothing, whatever writers do at the same time.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventTypes, type Append, type LoggedEvent } from '@groundwork/application';
import { MemoryLogger, newEvent, newStream, newTenant } from '@groundwork/testing';
import { setTimeout as pause } from 'node:timers/promises';
import { appendBatch } from './append-statement.ts';
import { expectOneFirst } from './first-appends-under-test.ts';
import { PostgresEventLog } from './postgres-event-log.ts';
import { PostgresEventStore, prepareAppend } from './postgres-event-store.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

const types = new EventTypes([{ type: 'Counted', schemaVersion: 1 }]);
const WRITERS = 32;
const APPENDS_PER_WRITER = 40;

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());

describe('the log under concurrent writers', () => {
  it('S0-27, S2-27 gives 32 writers with delays inside their transactions and a reader with one number: all, once, in order', async () => {
    const app = postgres.connect('groundwork_app', { poolSizeMax: WRITERS });
    const log = new PostgresEventLog(postgres.connect('groundwork_worker'), types);
    const tenant = newTenant();
    const streams = Array.from({ length: 12 }, () => newStream());
    let writing = true;
    const acknowledged: string[] = [];

    const write = async (): Promise<void> => {
      for (let n = 0; n < APPENDS_PER_WRITER; n++) {
        const stream = streams[Math.floor(Math.random() * streams.length)]!;
        const append: Append = {
          tenant,
          stream,
          expected: 'any',
          events: Array.from({ length: 1 + (n % 3) }, () => newEvent('Counted', { n })),
        };
        const isRolledBack = n % 10 === 9;
        const stored = app.transaction(tenant, async ({ query }) => {
          await query({ name: 'work', text: 'select count(*) from groundwork.stream' });
          await pause(Math.random() * 20);
          await appendBatch(query, [prepareAppend(append, types)], false);
          // The lock is held from here to the commit; a pause here must not let a later position overtake.
          await pause(Math.random() * 3);
          if (isRolledBack) throw new Error('changed my mind');
        });
        if (isRolledBack) await expect(stored).rejects.toThrow('changed my mind');
        else await stored.then(() => acknowledged.push(...append.events.map((event) => event.id)));
      }
    };

    const seen: LoggedEvent[] = [];
    const read = async (): Promise<void> => {
      for (let after = 0n; ;) {
        const wasWriting = writing;
        const page = await log.read({ after, limit: 50, types: ['Counted'] });
        seen.push(...page.events);
        if (page.readTo === after && !wasWriting) return;
        after = page.readTo;
      }
    };

    const reader = read();
    await Promise.all(Array.from({ length: WRITERS }, write));
    writing = false;
    await reader;

    expect(seen.map((event) => event.id).sort()).toEqual([...acknowledged].sort());
    expect(seen.map((event) => event.position)).toEqual(seen.map((_, index) => BigInt(index + 1)));
    for (const versions of Map.groupBy(seen, (event) => event.stream.id).values()) {
      expect(versions.map((event) => event.streamVersion)).toEqual(versions.map((_, index) => index + 1));
    }
  });

  it('S1-04, S4-10 lets exactly one of 50 simultaneous first appends win, on 50 connections; the constraint keeps versions unique', async () => {
    await expectOneFirst(postgres);
    const { rows } = await postgres.administrator.query<{ sessions: number }>(
      "select count(distinct pid)::int as sessions from pg_stat_activity where application_name = 'first-append'",
    );
    expect(rows[0]!.sessions).toBeGreaterThanOrEqual(50);
  });

  it('keeps what it acknowledged apart from the one append of a batch whose data is refused', async () => {
    const database = postgres.connect('groundwork_app');
    const store = new PostgresEventStore(database, types, new Signals(database, postgres.url, new MemoryLogger()));
    const tenant = newTenant();
    const taken = newEvent('Counted', {});
    await store.append({ tenant, stream: newStream(), expected: 'no-stream', events: [taken] });
    const appends = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        store.append({
          tenant,
          stream: newStream(),
          expected: 'no-stream',
          events: [n === 13 ? taken : newEvent('Counted', { n })],
        }),
      ),
    );
    expect(appends.map(({ status }) => status)).toEqual(appends.map((_, n) => (n === 13 ? 'rejected' : 'fulfilled')));
  });
});
