import { testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { relayed, type Sent } from '../../change-events-under-test.ts';
import { clientsUnderTest, type ClientsUnderTest } from '../../clients-under-test.ts';
import { salesforceId } from '../../model/salesforce-id.ts';

const idOf = (n: number): string => salesforceId(`001Kz${String(n).padStart(10, '0')}`);
const PARENT = idOf(9000);

interface Answer {
  readonly items: readonly { readonly id: string; readonly name: string }[];
  readonly next: string | null;
  readonly page?: number;
  readonly pageSize?: number;
  readonly total?: number;
}

describe.each(['memory', 'PostgreSQL'])('GET /v1/clients in %s', (store) => {
  let clients: ClientsUnderTest;
  let database: TestDatabase | undefined;

  const send = (n: number, fields: Record<string, unknown>, sent: Partial<Sent> = {}) =>
    clients.post(
      relayed({
        kind: 'CREATE',
        ids: [idOf(n)],
        transactionKey: `transaction-${n}-${sent.kind ?? ''}`,
        fields,
        ...sent,
      }),
    );
  const list = async (query: Record<string, string> = {}): Promise<Answer> =>
    (await clients.call('GET /v1/clients', { query })).body as Answer;
  const names = async (query: Record<string, string>): Promise<string[]> =>
    (await list(query)).items.map(({ name }) => name);

  beforeAll(async () => {
    if (store === 'PostgreSQL') database = await testDatabase();
    clients = await clientsUnderTest(database === undefined ? {} : { databaseUrl: database.url });
    await send(1, { Name: '100% Musik', Account_Status__c: 'Active', Business_Type__c: 'Label;Publisher' });
    await send(2, { Name: 'Musik_Haus', Account_Status__c: 'Active', BillingCountry: 'Germany', ParentId: PARENT });
    await send(3, {
      Name: 'ÉDITIONS Σίσυφος',
      Account_Status__c: 'Paused',
      Account_Priority__c: 'High',
      BillingCountry: 'France',
    });
    await send(4, { Name: 'Gone', Account_Status__c: 'Active' });
    await send(4, {}, { kind: 'DELETE' });
  });
  afterAll(async () => {
    await clients.close();
    await database?.drop();
  });

  it('S0-32 finds a part of the name, whatever its case; % and _ are letters like any other', async () => {
    expect(await names({ search: 'mUsIk' })).toEqual(['100% Musik', 'Musik_Haus']);
    expect(await names({ search: '%' })).toEqual(['100% Musik']);
    expect(await names({ search: '_' })).toEqual(['Musik_Haus']);
    expect(await names({ search: 'éditions σΊσυφΟΣ' })).toEqual(['ÉDITIONS Σίσυφος']);
    expect(await names({ search: '\\' })).toEqual([]);
  });

  it('S0-34 S1-51 filters by status and by billing country', async () => {
    expect(await names({ status: 'Active' })).toEqual(['100% Musik', 'Musik_Haus']);
    expect(await names({ country: 'France' })).toEqual(['ÉDITIONS Σίσυφος']);
    expect(await names({ status: 'active' })).toEqual([]);
  });

  it('S0-32 filters by business type, priority, parent and deletion, and all together', async () => {
    expect(await names({ businessType: 'Publisher' })).toEqual(['100% Musik']);
    expect(await names({ businessType: 'Publish' })).toEqual([]);
    expect(await names({ priority: 'High' })).toEqual(['ÉDITIONS Σίσυφος']);
    expect(await names({ parentId: PARENT.slice(0, 15) })).toEqual(['Musik_Haus']);
    expect(await names({ deleted: 'true' })).toEqual(['Gone']);
    expect(await names({ search: 'musik', status: 'Active', businessType: 'Label' })).toEqual(['100% Musik']);
    expect(await names({ search: 'musik', status: 'Paused' })).toEqual([]);
  });

  it('S0-33 takes pages from 1 and sizes from 1 to 100, and nothing else', async () => {
    expect(await list({ page: '2', pageSize: '2' })).toMatchObject({
      items: [{ name: 'ÉDITIONS Σίσυφος' }],
      next: null,
      page: 2,
      pageSize: 2,
      total: 3,
    });
    expect(await list({ page: '9', pageSize: '100' })).toMatchObject({ items: [], next: null, total: 3 });
    const refused: Record<string, string>[] = [
      { page: '0' },
      { page: '-1' },
      { page: 'x' },
      { pageSize: '0' },
      { pageSize: '101' },
    ];
    refused.push(
      { limit: '0' },
      { cursor: 'none' },
      { page: '1', cursor: 'eA' },
      { nonsense: '1' },
      { deleted: 'maybe' },
    );
    for (const query of refused) {
      await expect(list(query)).rejects.toMatchObject({
        code: expect.stringMatching(/^http\.invalid-request$|^clients\./),
      });
    }
  });

  it('S0-33 walking by cursor while clients are added gives everybody who was there at the start, once', async () => {
    for (let n = 100; n < 140; n += 2) await send(n, { Name: `Walker ${n}`, Industry: 'Walking' });
    const start = await names({ search: 'walker', limit: '200' });
    const seen: string[] = [];
    let cursor: string | null = null;
    for (let n = 101; ; n += 4) {
      const page: Answer = await list({ search: 'walker', limit: '3', ...(cursor === null ? {} : { cursor }) });
      seen.push(...page.items.map(({ name }) => name));
      cursor = page.next;
      if (cursor === null) break;
      await send(n, { Name: `Walker ${n}` });
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(start));
  });
});
