// Long streams are decided on from a snapshot: every answer is the one that the whole stream would give.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { streamId } from '@groundwork/domain';
import { collected, describeSnapshotLaw, testDatabase, type TestDatabase } from '@groundwork/testing';
import fc from 'fast-check';
import { published, relayed, SAMPLE_ID, SAMPLE_TENANT, type Sent } from '../../change-events-under-test.ts';
import { clientsUnderTest, type ClientsUnderTest } from '../../clients-under-test.ts';
import { recordDecider, type RecordCommand } from '../../model/client-record.ts';
import { ENTITY_REGISTRY } from '../../model/entity-registry.ts';
import { feed } from '../../model/feed.ts';
import { feedSnapshots, recordSnapshots } from './record-snapshots.ts';

describe('the snapshots of every aggregate type', () => {
  const kinds = ['CREATE', 'UPDATE', 'DELETE', 'UNDELETE', 'GAP_UPDATE', 'GAP_DELETE'] as const;
  const command = fc.oneof(
    fc.constantFrom(...kinds).map((kind): RecordCommand => ({ type: 'record-change', kind })),
    fc.constant<RecordCommand>({ type: 'request-refetch' }),
  );
  for (const { noun, streamType } of ENTITY_REGISTRY.values()) {
    describeSnapshotLaw(`a ${streamType}`, recordDecider(noun), recordSnapshots, command);
  }
  describeSnapshotLaw('a feed', feed, feedSnapshots, fc.constantFrom('FeedOverflowed', 'RecordChanged'));
});

describe('a client of 50 change events and more', () => {
  const SENT = Array.from({ length: 50 }, (_, n): Sent => ({
    kind: n === 0 ? 'CREATE' : 'UPDATE',
    transactionKey: `transaction-${n}`,
    atMs: Date.UTC(2026, 4, 7, 0, n),
    fields: { Name: `Acme ${n}` },
  }));
  const stream = streamId('client', SAMPLE_ID);
  let database: TestDatabase;
  let clients: ClientsUnderTest;
  beforeAll(async () => {
    database = await testDatabase();
    clients = await clientsUnderTest({ databaseUrl: database.url });
    for (const sent of SENT) await clients.call('POST /v1/events/salesforce', { body: relayed(sent) });
    await clients.settle();
  });
  afterAll(async () => {
    await clients?.close();
    await database?.drop();
  });
  /** Under a key of its own, so that it is another command that brings the fact. */
  const resultOf = async (sent: Sent, wire = relayed) =>
    (await clients.post(wire(sent), { idempotencyKey: crypto.randomUUID() })).result;
  const version = async () => (await collected(clients.events.readStream(SAMPLE_TENANT, stream))).length;

  it('S1-08 has a snapshot, behind which nothing is left to read', async () => {
    const { snapshot, later } = await clients.events.readFromSnapshot(SAMPLE_TENANT, stream, { from: 1, to: 1 });
    expect(snapshot).toMatchObject({ streamVersion: 50 });
    expect(JSON.parse(snapshot!.stateText)).toEqual({ existence: 'known', creation: 'seen', refetch: 'none' });
    expect(await collected(later)).toEqual([]);
  });

  it('knows a fact again that came before the snapshot, in either wire form', async () => {
    for (const wire of [relayed, published]) {
      expect(await resultOf(SENT[9]!, wire)).toMatchObject({ records: [{ streamVersion: 10, repeated: true }] });
    }
    expect(await resultOf(SENT[0]!)).toMatchObject({ records: [{ streamVersion: 1, repeated: true }] });
    expect(await version()).toBe(50);
  });

  it('still refuses a second creation, marks a refetch once, and takes the next change', async () => {
    const second = { ...SENT[0]!, transactionKey: 'transaction-second' };
    expect((await clients.post(relayed(second))).error).toMatchObject({ code: 'client.already-exists' });
    const refetch = () => clients.call('POST /v1/clients/:id/refetch', { params: { id: SAMPLE_ID }, ifMatch: 51 });
    await clients.post(relayed({ ...SENT[1]!, transactionKey: 'transaction-next' }));
    expect(await refetch()).toMatchObject({ status: 200, streamVersion: 52 });
    await expect(refetch()).rejects.toMatchObject({ code: 'command.precondition-failed' });
    expect(await version()).toBe(52);
  });
});
