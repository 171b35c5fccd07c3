// What a relay does on every adapter: sends what is told of events, confirmed, in stream order, at least once.
import { messageId, pause } from '@groundwork/application';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { newStream, newTenant } from '../new-event.ts';
import { ScriptedDestination } from '../relay/scripted-destination.ts';
import { withAdvance, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { describeRelayDecisions } from './relay-decisions.ts';
import {
  newRelay,
  onlyParked,
  refusing,
  takenOf,
  textOf,
  type Notes,
  type RelayUnderTest,
} from './relay-under-test.ts';
import { OWNER, write } from './runner-under-test.ts';

/** Until nothing is behind; a relay whose destination is away rests for moments only. */
const untilSent = ({ runner }: RelayUnderTest, isSent: () => boolean) =>
  eventually(async () => {
    await runner.runOnce();
    return isSent();
  });

export function describeRelaying(ports: () => ProjectionStoreUnderTest): void {
  const notes: Notes = (tenant, stream, ...texts) => write(ports(), tenant, stream, ...texts.map((text) => ({ text })));
  describe('relaying', () => {
    describeSending(ports, notes);
    describeAbsence(ports, notes);
    describeOwners(ports, notes);
    describeRefusals(ports, notes);
    describeRelayDecisions(ports, notes);
  });
}

function describeSending(ports: () => ProjectionStoreUnderTest, notes: Notes): void {
  it('sends what is told of each event once, in stream order, under the id of its event', async () => {
    const [tenant, stream, other] = [newTenant(), newStream(), newStream()];
    await notes(tenant, stream, 'one', 'secret', 'two');
    await notes(tenant, other, 'else');
    const destination = new ScriptedDestination();
    await newRelay(ports(), destination).runner.runOnce();
    await newRelay(ports(), destination).runner.runOnce();

    expect(takenOf(destination, stream)).toEqual(['one', 'two']);
    expect(takenOf(destination, other)).toEqual(['else']);
    const { events } = await ports().log.read({ after: 0n, limit: 10, types: ['NoteWritten'] });
    const told = events.filter(({ dataText }) => !dataText.includes('secret')).map(({ id }) => id);
    expect(destination.taken.map(messageId).sort()).toEqual([...told].sort());
    expect(destination.taken.find((message) => textOf(message) === 'two')).toMatchObject({
      tenant,
      stream,
      streamVersion: 3,
      type: 'NoteTold',
      schemaVersion: 3,
      data: { text: 'two', before: ['one', 'secret'] },
      metadata: { correlationId: 'correlation-1' },
    });
  });

  it('tells the same, whichever process it is: what was before an event is read from the log', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const destination = new ScriptedDestination();
    await notes(tenant, stream, 'one', 'two');
    const first = newRelay(ports(), destination);
    await first.runner.runOnce();
    await notes(tenant, stream, 'three');
    await newRelay(ports(), destination).runner.runOnce();
    await notes(tenant, stream, 'four');
    await first.runner.runOnce();
    await first.runner.runOnce();
    expect(destination.taken.map(({ data }) => data)).toEqual([
      { text: 'one', before: [] },
      { text: 'two', before: ['one'] },
      { text: 'three', before: ['one', 'two'] },
      { text: 'four', before: ['one', 'two', 'three'] },
    ]);
  });

  it('begins with the first event of the log, or behind the last, as is said; once begun it goes on', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await notes(tenant, stream, 'history');
    const [all, later] = [new ScriptedDestination('all'), new ScriptedDestination('later')];
    await newRelay(ports(), all).runner.runOnce();
    await newRelay(ports(), later, { startAt: 'now' }).runner.runOnce();
    await notes(tenant, stream, 'news');
    await newRelay(ports(), all, { startAt: 'now' }).runner.runOnce();
    await newRelay(ports(), later).runner.runOnce();
    expect(takenOf(all, stream)).toEqual(['history', 'news']);
    expect(takenOf(later, stream)).toEqual(['news']);
  });
}

function describeAbsence(ports: () => ProjectionStoreUnderTest, notes: Notes): void {
  it('parks nothing while the destination is away, sends the rest when it is back, and nothing twice', async () => {
    const [tenant, stream, other] = [newTenant(), newStream(), newStream()];
    const destination = new ScriptedDestination();
    const relay = newRelay(ports(), destination);
    const labels = { relay: relay.relay.name };
    await notes(tenant, stream, 'one', 'two', 'three');
    await notes(tenant, other, 'else');
    destination.fateOf = (message) => (textOf(message) === 'two' ? 'not-yet' : 'taken');
    await untilSent(relay, () => destination.sentCount > 8);
    expect(takenOf(destination, stream)).toEqual(['one']);
    expect(relay.metrics.value('groundwork_relay_pending', labels)).toBeGreaterThan(0);
    expect(relay.metrics.value('groundwork_relay_oldest_seconds', labels)).toBeGreaterThan(0);
    expect(relay.metrics.value('groundwork_relay_retries_total', labels)).toBeGreaterThan(1);
    expect(relay.logger.lines).toContainEqual(
      expect.objectContaining({ fields: expect.objectContaining({ code: 'relay.not-taken' }) }),
    );

    destination.fateOf = () => 'taken';
    await untilSent(relay, () => destination.taken.length === 4);
    await relay.runner.runOnce();
    await relay.runner.runOnce();
    expect(takenOf(destination, stream)).toEqual(['one', 'two', 'three']);
    expect(takenOf(destination, other)).toEqual(['else']);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
    expect(relay.metrics.value('groundwork_relay_pending', labels)).toBe(0);
    expect(relay.metrics.value('groundwork_relay_oldest_seconds', labels)).toBe(0);
  });

  it('sends again, under the same ids, what was confirmed when the checkpoint could not follow', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await notes(tenant, stream, 'one', 'two');
    const destination = new ScriptedDestination();
    const { store } = ports();
    const died = withAdvance(store, async (subscription, slice, to, work) => {
      if (to > slice.position) throw new Error('the process ended');
      return store.advance(subscription, slice, to, work);
    });
    await newRelay({ ...ports(), store: died }, destination).runner.runOnce();
    expect(takenOf(destination, stream)).toEqual(['one', 'two']);
    await newRelay(ports(), destination).runner.runOnce();
    expect(takenOf(destination, stream)).toEqual(['one', 'two', 'one', 'two']);
    expect(new Set(destination.taken.map(messageId)).size).toBe(2);
  });
}

function describeOwners(ports: () => ProjectionStoreUnderTest, notes: Notes): void {
  it('sends nothing for a slice that has another owner by now', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const destination = new ScriptedDestination();
    const lost = newRelay(ports(), destination, { settings: { reportIntervalMs: 60_000 } });
    await lost.runner.runOnce();
    await ports().store.releaseAll(OWNER);
    await ports().store.lease(lost.relay, 'another', 60_000, 10);
    await notes(tenant, stream, 'one');
    await lost.runner.runOnce();
    expect(destination.sentCount).toBe(0);
  });

  it('keeps its slices while many parts of a page take longer than a lease together', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const texts = Array.from({ length: 8 }, (_, n) => `note ${n}`);
    await notes(tenant, stream, ...texts);
    const destination = new ScriptedDestination();
    const leaseMs = 600;
    // Each part ends right before a renewal that would begin with it.
    destination.ready = () => pause(leaseMs / 4);
    const settings = { leaseMs, slices: texts.length, sliceCountMax: texts.length, batchSizeMax: 1 };
    const { relay, runner } = newRelay(ports(), destination, { settings });
    let [givenAway, isOver] = [0, false];
    const running = runner.runOnce().finally(() => (isOver = true));
    await eventually(() => destination.sentCount > 0 || undefined);
    await eventually(async () => {
      givenAway += (await ports().store.lease(relay, 'another', leaseMs, 10)).length;
      return isOver;
    });
    await running;
    expect([givenAway, takenOf(destination, stream)]).toEqual([0, texts]);
  });

  it('keeps its slices while a destination takes longer than a lease', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await notes(tenant, stream, 'one');
    const destination = new ScriptedDestination();
    const taking = Promise.withResolvers<undefined>();
    destination.ready = () => taking.promise;
    const leaseMs = 300;
    const { relay, runner } = newRelay(ports(), destination, { settings: { leaseMs } });
    const running = runner.runOnce();
    let givenAway = 0;
    try {
      await eventually(() => destination.sentCount > 0 || undefined);
      const waitedFromMs = performance.now();
      await eventually(async () => {
        givenAway += (await ports().store.lease(relay, 'another', leaseMs, 10)).length;
        return performance.now() - waitedFromMs > 3 * leaseMs;
      });
    } finally {
      taking.resolve(undefined);
      await running;
    }
    expect([givenAway, destination.sentCount]).toEqual([0, 1]);
  });
}

function describeRefusals(ports: () => ProjectionStoreUnderTest, notes: Notes): void {
  it('parks a stream at once behind a message that is refused, with the cause; all others are sent', async () => {
    const [tenant, stream, other] = [newTenant(), newStream(), newStream()];
    await notes(tenant, stream, 'one', 'bad', 'three');
    await notes(tenant, other, 'else');
    const destination = new ScriptedDestination();
    destination.fateOf = refusing('bad');
    const { runner, relay, metrics } = newRelay(ports(), destination);
    await runner.runOnce();
    await notes(tenant, stream, 'four');
    await notes(tenant, other, 'more');
    await runner.runOnce();
    expect(destination.taken.map(textOf).sort()).toEqual(['else', 'more', 'one']);
    expect(await onlyParked(ports, tenant)).toMatchObject({
      projection: relay.name,
      stream: { tenant, ...stream },
      eventType: 'NoteWritten',
      attempts: 1,
      error: { code: 'relay.message-refused', details: { destination: 'scripted' } },
    });
    expect(metrics.value('groundwork_dead_letters', { projection: relay.name })).toBe(1);
    expect(metrics.value('groundwork_relay_pending', { relay: relay.name })).toBe(0);
  });

  it('parks a stream behind an event that cannot be told after as many attempts as any other', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await notes(tenant, stream, 'one', 'poison', 'three');
    const destination = new ScriptedDestination();
    await newRelay(ports(), destination).runner.runOnce();
    expect(destination.taken.map(textOf)).toEqual(['one']);
    expect(await onlyParked(ports, tenant)).toMatchObject({ attempts: 3, error: { code: 'projection.event-failed' } });
  });
}
