// Load, decide, append over the log in memory: races are decided again, repetitions are recognised.
import { describe, expect, it } from '@jest/globals';
import {
  EventTypes,
  ExactJson,
  PreconditionFailed,
  Snapshots,
  VersionConflict,
  decideAndAppend,
  type CommandContext,
  type Decision,
} from '@groundwork/application';
import { Refusal, streamId, type Decider, type DomainEvent } from '@groundwork/domain';
import { SystemClock, collected, dataOf, newEvent, newId, newLoggedEvent, newTenant } from '@groundwork/testing';
import { z } from 'zod';
import { MemoryEventStore } from './memory-event-store.ts';

type SeatTaken = DomainEvent<'SeatTaken', { readonly seat: number }>;
const SEATS_MAX = 3;

/** Takes the next free seat, until there is none. */
const room: Decider<object, number, SeatTaken> = {
  initialState: 0,
  decide: (_command, taken) => {
    if (taken >= SEATS_MAX) throw new Refusal('room.full', 'All seats are taken.', 'Choose another room.');
    return [{ type: 'SeatTaken', data: { seat: taken + 1 } }];
  },
  evolve: (taken) => taken + 1,
};

const tenant = newTenant();
const stream = streamId('room', 'r-1');
const newLog = (): MemoryEventStore =>
  new MemoryEventStore(new EventTypes([{ type: 'SeatTaken', schemaVersion: 1 }]), new SystemClock());
const newContext = (form: Partial<CommandContext> = {}): CommandContext => ({
  commandId: newId(),
  tenant,
  actor: { subject: 'ada', permissions: [] },
  correlationId: 'correlation-1',
  now: new Date('2026-01-01T00:00:00.000Z'),
  ...form,
});
const decision: Decision<object, number, SeatTaken> = { decider: room, stream, command: {} };
const seatsOf = async (log: MemoryEventStore): Promise<unknown[]> =>
  (await collected(log.readStream(tenant, stream))).map(dataOf);

const oneSeatTaken = async (): Promise<ReturnType<MemoryEventStore['readStream']>> => {
  const log = newLog();
  await decideAndAppend(log, decision, newContext());
  return log.readStream(tenant, stream);
};

/** A room in which somebody else takes a seat during each of the first decisions. */
const crowded = (log: MemoryEventStore, others: number): typeof decision => ({
  ...decision,
  decider: {
    ...room,
    decide: (command, taken) => {
      if (others-- > 0) {
        void log.append({ tenant, stream, expected: 'any', events: [newEvent('SeatTaken', { seat: taken + 1 })] });
      }
      return room.decide(command, taken);
    },
  },
});

describe('decideAndAppend', () => {
  it('decides again on what somebody faster left behind', async () => {
    const log = newLog();
    let conflicts = 0;
    const appended = await decideAndAppend(log, crowded(log, 2), newContext(), () => conflicts++);
    expect(appended).toMatchObject({ streamVersion: 3, repeated: false });
    expect(conflicts).toBe(2);
    expect(await seatsOf(log)).toEqual([{ seat: 1 }, { seat: 2 }, { seat: 3 }]);
  });

  it('refuses what the new state no longer allows', async () => {
    const log = newLog();
    await expect(decideAndAppend(log, crowded(log, 3), newContext())).rejects.toMatchObject({ code: 'room.full' });
    expect(await seatsOf(log)).toHaveLength(3);
  });

  it('gives up after ten lost races', async () => {
    const log = newLog();
    const endless = crowded(log, Infinity);
    const decider = { ...endless.decider, decide: () => endless.decider.decide({}, 0) };
    await expect(decideAndAppend(log, { ...endless, decider }, newContext())).rejects.toBeInstanceOf(VersionConflict);
    expect(await seatsOf(log)).toHaveLength(10);
  });

  it('answers a repeated command with its first result, also when the stream has moved on', async () => {
    const [log, context] = [newLog(), newContext()];
    const first = await decideAndAppend(log, decision, context);
    await decideAndAppend(log, decision, newContext());
    expect(await decideAndAppend(log, decision, context)).toEqual({ ...first, repeated: true });
    expect(await seatsOf(log)).toHaveLength(2);
  });

  it('knows a fact again that another command brought', async () => {
    const [log, factId] = [newLog(), newId()];
    const fact = { ...decision, factId, write: () => ({ id: factId }) };
    const first = await decideAndAppend(log, fact, newContext());
    expect(await decideAndAppend(log, fact, newContext())).toEqual({ ...first, repeated: true });
    expect(await seatsOf(log)).toHaveLength(1);
  });

  it('insists on the version of If-Match', async () => {
    const log = newLog();
    const early = decideAndAppend(log, decision, newContext({ ifMatch: 1 }));
    await expect(early).rejects.toBeInstanceOf(PreconditionFailed);
    await expect(early).rejects.toMatchObject({ details: { currentVersion: 0 } });
    await decideAndAppend(log, decision, newContext({ ifMatch: 0 }));
    expect((await decideAndAppend(log, decision, newContext({ ifMatch: 1 }))).streamVersion).toBe(2);
  });

  it('holds no more of a stream of 1,000 large events than one at a time', async () => {
    const [countMax, bytesMax, state] = [1_000, 900_000, { heapUsedMax: 0 }];
    const [event] = await collected(await oneSeatTaken());
    const large = Buffer.from(JSON.stringify('x'.repeat(bytesMax)));
    const log = Object.assign(newLog(), {
      async *readStream() {
        for (let version = 1; version <= countMax; version++) {
          if (version % 50 === 0) state.heapUsedMax = Math.max(state.heapUsedMax, process.memoryUsage().heapUsed);
          const dataText = large.toString('latin1');
          yield newLoggedEvent({ ...event!, streamVersion: version, position: BigInt(version), dataText });
        }
      },
    });
    const heapUsed = process.memoryUsage().heapUsed;
    const idle = { ...decision, decider: { ...room, decide: () => [] } };
    expect((await decideAndAppend(log, idle, newContext())).streamVersion).toBe(countMax);
    expect(state.heapUsedMax - heapUsed).toBeLessThan(400_000_000);
  });

  it('stores nothing when nothing follows', async () => {
    const log = newLog();
    const { position } = await decideAndAppend(log, decision, newContext());
    const idle = { ...decision, decider: { ...room, decide: () => [] } };
    expect(await decideAndAppend(log, idle, newContext())).toEqual({ streamVersion: 1, position, repeated: false });
    expect(await seatsOf(log)).toHaveLength(1);
  });

  describe('from a snapshot', () => {
    const schema = z.int();
    const kept = { ...decision, snapshots: new Snapshots({ schemaVersion: 1, everyEvents: 2, schema }) };
    const snapshotOf = async (log: MemoryEventStore) =>
      (await log.readFromSnapshot(tenant, stream, { from: 1, to: 1 })).snapshot;

    it('S1-48 keeps the state with every n-th event, and decides on it', async () => {
      const log = newLog();
      await decideAndAppend(log, kept, newContext());
      expect(await snapshotOf(log)).toBeUndefined();
      await decideAndAppend(log, kept, newContext());
      expect(await snapshotOf(log)).toMatchObject({ streamVersion: 2, stateText: '2' });
      expect(await decideAndAppend(log, kept, newContext())).toMatchObject({ streamVersion: 3 });
      await expect(decideAndAppend(log, kept, newContext())).rejects.toMatchObject({ code: 'room.full' });
      expect(await seatsOf(log)).toEqual([{ seat: 1 }, { seat: 2 }, { seat: 3 }]);
    });

    it('answers a repeated command with its first result, wherever the snapshot stands', async () => {
      const [log, contexts] = [newLog(), [newContext(), newContext(), newContext()]];
      const first: unknown[] = [];
      for (const context of contexts) first.push(await decideAndAppend(log, kept, context));
      for (const [index, context] of contexts.entries()) {
        expect(await decideAndAppend(log, kept, context)).toEqual({ ...(first[index] as object), repeated: true });
      }
      expect(await seatsOf(log)).toHaveLength(3);
    });

    it('answers a repetition that decides nothing now, or something else, with the first result, too', async () => {
      const [log, context] = [newLog(), newContext()];
      const first = await decideAndAppend(log, kept, context);
      await decideAndAppend(log, kept, newContext());
      const idle = { ...kept, decider: { ...room, decide: () => [] } };
      const other = {
        ...kept,
        decider: { ...room, decide: () => [{ type: 'SeatTaken', data: { seat: 9 } } as const] },
      };
      for (const repeated of [idle, other]) {
        expect(await decideAndAppend(log, repeated, context)).toEqual({ ...first, repeated: true });
      }
      const { position } = (await snapshotOf(log))!;
      expect(await decideAndAppend(log, idle, newContext())).toEqual({ streamVersion: 2, position, repeated: false });
      expect(await seatsOf(log)).toHaveLength(2);
    });

    it('insists on the version of If-Match', async () => {
      const log = newLog();
      for (let n = 0; n < 2; n++) await decideAndAppend(log, kept, newContext());
      const early = decideAndAppend(log, kept, newContext({ ifMatch: 1 }));
      await expect(early).rejects.toMatchObject({ details: { currentVersion: 2 } });
      expect(await decideAndAppend(log, kept, newContext({ ifMatch: 2 }))).toMatchObject({ streamVersion: 3 });
    });
  });

  it('writes the exact text of another system, with who and what caused it', async () => {
    const [log, context] = [newLog(), newContext({ requestId: 'request-1' })];
    const occurredAt = new Date('2025-05-05T05:05:05.555Z');
    const write = () => ({ data: new ExactJson('{ "seat" : 1.0 }'), source: 'salesforce' as const, occurredAt });
    await decideAndAppend(log, { ...decision, write }, context);
    const [recorded] = await collected(log.readStream(tenant, stream));
    expect(recorded).toMatchObject({
      dataText: '{ "seat" : 1.0 }',
      source: 'salesforce',
      occurredAt,
      metadata: {
        actor: 'ada',
        correlationId: 'correlation-1',
        causationId: context.commandId,
        requestId: 'request-1',
      },
    });
  });
});
