// Commands that follow from events: stored with the effect of their event, once, and caused by it.
import { describe, expect, it } from '@jest/globals';
import type { Projection, StoredCommand } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import { collected, newStream, newTenant } from '../new-event.ts';
import { noteList, withAdvance, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { rebuilt } from './rebuilding.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

/** Two commands for each note that is important, none for others. */
const following: Projection = {
  ...noteList,
  followUps: {
    permissions: ['notes:announce'],
    of: (event, row) => {
      const { text } = event.data as NoteData;
      if (text === 'broken') throw new TypeError('cannot follow up');
      if (!text.startsWith('important')) return [];
      return ['board', 'press'].map((where) => ({
        type: 'notes.announce',
        payload: { where, count: row?.['count'] },
        orderKeys: [`note/${event.stream.id}`],
      }));
    },
  },
};

export function describeFollowingUp(ports: () => ProjectionStoreUnderTest): void {
  describe('following up', () => {
    describeStoring(ports);
    describeFaults(ports);
  });
}

const accepted = async ({ commands }: ProjectionStoreUnderTest, tenant: TenantId): Promise<readonly StoredCommand[]> =>
  (await commands.list(tenant, { limit: 100 })).toReversed();

function describeStoring(ports: () => ProjectionStoreUnderTest): void {
  it('S0-09, S2-29 stores the commands that follow from an event: its id is their causationId, its correlation theirs', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'dull' }, { text: 'important' });
    await newRunner(ports(), following).runner.runOnce();
    const [, important] = await collected(ports().events.readStream(tenant, stream));
    const common = {
      tenant,
      type: 'notes.announce',
      status: 'pending',
      causationId: important!.id,
      correlationId: important!.metadata.correlationId,
      orderKeys: [`note/${stream.id}`],
      actor: { subject: `projection:${following.name}`, permissions: ['notes:announce'] },
    };
    const commands = await accepted(ports(), tenant);
    expect(commands).toMatchObject([common, common]);
    expect(commands.map(({ payload }) => JSON.parse(payload.text) as unknown)).toEqual([
      { where: 'board', count: 2 },
      { where: 'press', count: 2 },
    ]);
  });

  it('stores each once, also when the read model is rebuilt, and under a projection that words them otherwise', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'important' });
    await newRunner(ports(), following).runner.runOnce();
    const before = await accepted(ports(), tenant);
    expect(before).toHaveLength(2);
    const of = (): { type: string; payload: unknown }[] => [{ type: 'notes.announce', payload: { where: 'radio' } }];
    for (const projection of [following, { ...following, followUps: { permissions: [], of } }]) {
      await rebuilt(ports(), projection);
      await newRunner(ports(), projection).runner.runOnce();
      expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'important' }]);
    }
    expect(await accepted(ports(), tenant)).toEqual(before);
  });
}

function describeFaults(ports: () => ProjectionStoreUnderTest): void {
  it('stores none when the effect of the event is rolled back', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'important' });
    const { store } = ports();
    let isAway = true;
    const unsteady = withAdvance(store, (projection, slice, to, work) =>
      store.advance(projection, slice, to, async (tx) => {
        await work(tx);
        if (isAway) throw new Error('the connection is gone before the commit');
      }),
    );
    const { runner } = newRunner({ ...ports(), store: unsteady }, following, { retryDelayMaxMs: 1 });
    await runner.runOnce();
    expect(await accepted(ports(), tenant)).toEqual([]);
    isAway = false;
    while ((await accepted(ports(), tenant)).length === 0) await runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'important' }]);
  });

  it('parks the stream of an event whose follow-up cannot be told; what follows waits, and comes after the fix', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'broken' }, { text: 'important' });
    await newRunner(ports(), following).runner.runOnce();
    expect(await accepted(ports(), tenant)).toEqual([]);
    const [parked] = await ports().deadLetters.list(tenant, { limit: 10 });
    expect(parked).toMatchObject({ position: 1n, eventType: 'NoteWritten' });

    await ports().deadLetters.decide(tenant, parked!.id, 'discard');
    await newRunner(ports(), following).runner.runOnce();
    expect(await accepted(ports(), tenant)).toHaveLength(2);
  });
}
