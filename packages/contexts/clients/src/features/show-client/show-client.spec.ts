import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { relayed, sample, SAMPLE_ID } from '../../change-events-under-test.ts';
import { clientsUnderTest, type ClientsUnderTest } from '../../clients-under-test.ts';
import { newTenant } from '@groundwork/testing';

const SHORT_ID = SAMPLE_ID.slice(0, 15);
const CREATED_AT = '2026-05-07T22:29:40.000Z';
const UPDATED_AT = '2026-05-07T22:29:47.000Z';
const READER = ['clients:read'];

let clients: ClientsUnderTest;
beforeEach(async () => {
  clients = await clientsUnderTest();
  await clients.post(sample('account-create.eventbridge'));
  await clients.post(sample('account-update.eventbridge'));
});
afterEach(() => clients.close());

const show = (query: Record<string, string> = {}, permissions = READER, id = SAMPLE_ID) =>
  clients.call('GET /v1/clients/:id', { params: { id }, query, permissions });
const history = async (query: Record<string, string> = {}, permissions = READER) => {
  const { body } = await clients.call('GET /v1/clients/:id/history', { params: { id: SAMPLE_ID }, query, permissions });
  return body as { items: Record<string, unknown>[]; next: string | null };
};

describe('a client', () => {
  it('S0-13 is found by its 15-character id as by its 18-character one', async () => {
    const long = await show();
    expect(long).toMatchObject({
      status: 200,
      streamVersion: 2,
      body: { id: SAMPLE_ID, salesforceId: SAMPLE_ID, status: 'Paused', billingCountry: 'Denmark' },
    });
    expect(await show({}, READER, SHORT_ID)).toEqual(long);
  });

  it.each(['0015f00002J9YYEAA3', 'nobody', ' '])('S0-73 is unknown as %p', async (id) => {
    await expect(show({}, READER, id)).rejects.toMatchObject({ code: 'client.unknown' });
    const asked = clients.call('GET /v1/clients/:id/history', { params: { id } });
    await expect(asked).rejects.toMatchObject({ code: 'client.unknown' });
  });

  it('is unknown to every other tenant', async () => {
    const asked = clients.call('GET /v1/clients/:id', { params: { id: SAMPLE_ID }, tenant: newTenant() });
    await expect(asked).rejects.toMatchObject({ code: 'client.unknown' });
  });

  it('S0-19 shows its latest payload only to holders of clients:debug', async () => {
    const { body } = await show({ includeRaw: 'true' }, [...READER, 'clients:debug']);
    expect((body as { rawData: unknown }).rawData).toMatchObject({ text: sample('account-update.eventbridge') });
    await expect(show({ includeRaw: 'true' })).rejects.toMatchObject({ code: 'security.not-permitted' });
    expect((await show({}, [...READER, 'clients:debug'])).body).not.toHaveProperty('rawData');
    const { body: listed } = await clients.call('GET /v1/clients', { permissions: [...READER, 'clients:debug'] });
    expect(JSON.stringify(listed)).not.toMatch(/raw|Hafenstraße|Kai 7/i);
  });

  it('S0-73 as of a time is the replay of its stream up to that time', async () => {
    const before = await show({ asOf: '2026-05-07T22:29:46.999Z' });
    expect(before).toMatchObject({ streamVersion: 1, body: { status: 'Active', billingCountry: 'Germany' } });
    expect(await show({ asOf: CREATED_AT })).toEqual(before);
    expect(await show({ asOf: UPDATED_AT })).toEqual(await show());
    expect(await show({ asOf: '2026-05-08T00:29:47+02:00' })).toEqual(await show());
    await expect(show({ asOf: '2026-05-07T22:29:39.999Z' })).rejects.toMatchObject({ code: 'client.unknown' });
  });
});

describe('a change that arrives behind a newer one', () => {
  const at = (name: string, atMs: number) =>
    relayed({ kind: 'UPDATE', transactionKey: name, atMs, fields: { Name: name } });

  it('undoes it neither in the list, nor in the client, nor in what it was', async () => {
    const updatedMs = Date.parse(UPDATED_AT);
    await clients.post(at('newest', updatedMs + 10_000));
    await clients.post(at('older', updatedMs + 5_000));
    const { body: list } = await clients.call('GET /v1/clients');
    expect(list).toMatchObject({ items: [{ name: 'newest', streamVersion: 4 }] });
    expect(await show()).toMatchObject({ streamVersion: 4, body: { name: 'newest' } });
    const asOf = (ms: number) => show({ asOf: new Date(updatedMs + ms).toISOString() });
    expect(await asOf(10_000)).toMatchObject({ streamVersion: 4, body: { name: 'newest' } });
    expect(await asOf(5_000)).toMatchObject({ body: { name: 'older' } });
  });
});

describe('the history of a client', () => {
  it('S0-73 lists what happened, payloads for holders of clients:debug only', async () => {
    const { items, next } = await history();
    expect(next).toBeNull();
    expect(items).toMatchObject([
      { type: 'ClientCreated', streamVersion: 1, occurredAt: CREATED_AT, source: 'salesforce', position: '1' },
      { type: 'ClientUpdated', streamVersion: 2, occurredAt: UPDATED_AT, metadata: { actor: 'tester' } },
    ]);
    expect(JSON.stringify(items)).not.toContain('Nordlicht');
    const shown = await history({}, [...READER, 'clients:debug']);
    expect(shown.items[0]).toMatchObject({ data: { text: sample('account-create.eventbridge') } });
  });

  it('S0-26 between two times holds the start and leaves out the end', async () => {
    const versions = async (query: Record<string, string>) =>
      (await history(query)).items.map(({ streamVersion }) => streamVersion);
    expect(await versions({ from: CREATED_AT, to: UPDATED_AT })).toEqual([1]);
    expect(await versions({ from: UPDATED_AT })).toEqual([2]);
    expect(await versions({ to: CREATED_AT })).toEqual([]);
  });

  it('comes page by page', async () => {
    const first = await history({ limit: '1' });
    expect(first).toMatchObject({ items: [{ streamVersion: 1 }], next: '1' });
    expect(await history({ limit: '1', cursor: first.next! })).toMatchObject({
      items: [{ streamVersion: 2 }],
      next: null,
    });
  });
});

describe('a time', () => {
  const refused = { code: 'http.invalid-request' };

  it.each([
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+14:00',
    '9999-12-31T23:59:59.999Z',
    '9999-12-31T23:59:59-14:00',
  ])('outside of the years 1 to 9999 is refused: %s', async (time) => {
    await expect(history({ from: time })).rejects.toMatchObject(refused);
    await expect(history({ to: time })).rejects.toMatchObject(refused);
    await expect(show({ asOf: time })).rejects.toMatchObject(refused);
  });

  it('at the ends of these years is a time like any other', async () => {
    const ends = { from: '0001-01-01T00:00:00Z', to: '9999-12-31T23:59:59.998Z' };
    expect((await history(ends)).items).toHaveLength(2);
    expect(await show({ asOf: ends.to })).toEqual(await show());
    await expect(show({ asOf: ends.from })).rejects.toMatchObject({ code: 'client.unknown' });
  });
});

describe('asking for a refetch', () => {
  const refetch = (ifMatch: number, id = SAMPLE_ID) =>
    clients.call('POST /v1/clients/:id/refetch', { params: { id }, ifMatch });

  it('marks the client and answers with its new version and position', async () => {
    expect(await refetch(2)).toMatchObject({ status: 200, streamVersion: 3, position: '3', body: { id: SAMPLE_ID } });
    await clients.settle();
    expect(await show()).toMatchObject({ streamVersion: 3, body: { refetchMarked: true, status: 'Paused' } });
    expect((await history()).items.at(-1)).toMatchObject({ type: 'ClientRefetchRequested', source: 'api' });
  });

  it('changes nothing when the client is marked already', async () => {
    await refetch(2);
    expect(await refetch(3, SHORT_ID)).toMatchObject({ status: 200, streamVersion: 3 });
  });

  it('is refused for another version and for a client nobody knows', async () => {
    await expect(refetch(1)).rejects.toMatchObject({ code: 'command.precondition-failed' });
    await expect(refetch(1, '0015f00002J9YYEAA3')).rejects.toMatchObject({ code: 'client.unknown' });
  });
});

describe('a deleted client', () => {
  it('S0-17 is hidden from searches until it is restored', async () => {
    const listed = async (query: Record<string, string> = {}) => {
      const { body } = await clients.call('GET /v1/clients', { query });
      return (body as { items: { id: string }[] }).items.map(({ id }) => id);
    };
    await clients.post(relayed({ kind: 'DELETE', transactionKey: 'transaction-3' }));
    expect(await listed()).toEqual([]);
    expect(await listed({ deleted: 'true' })).toEqual([SAMPLE_ID]);
    expect(await show()).toMatchObject({ body: { isDeleted: true, name: 'Nordlicht Verlag GmbH' } });
    await clients.post(relayed({ kind: 'UNDELETE', transactionKey: 'transaction-4' }));
    expect(await listed()).toEqual([SAMPLE_ID]);
  });
});
