import { migrate, revertMigration } from '@groundwork/persistence';
import { newTenant } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clientDatabaseUnderTest, rowWith, type ClientDatabase } from './client-database-under-test.ts';
import { clientEntity } from './client-entity.ts';
import { Clients1763710000000 } from './clients.migration.ts';

const ID = '001Kz00000BqLmNIAV';

let database: ClientDatabase;
beforeAll(async () => {
  database = await clientDatabaseUnderTest();
});
afterAll(() => database.close());

const count = (role: 'groundwork_app' | 'groundwork_worker', tenant: string): Promise<number> =>
  database.as(role).withEntities(tenant, (manager) => manager.count(clientEntity));

describe('the table of the client list', () => {
  it('is the one that TypeORM knows: comparing them finds nothing to change', async () => {
    const statements = await database.as('groundwork_owner').withEntities('any', async (manager) => {
      const difference = await manager.connection.driver.createSchemaBuilder().log();
      return difference.upQueries.map(({ query }) => query);
    });
    expect(statements).toEqual([]);
  });

  it('shows a tenant its own rows and nobody else any, with or without a name', async () => {
    const [one, other] = [newTenant(), newTenant()];
    await database.store(one, [rowWith({ aggregate_id: ID })]);
    await database.store(other, [rowWith({ aggregate_id: ID })]);
    for (const role of ['groundwork_app', 'groundwork_worker'] as const) {
      expect(await count(role, one)).toBe(1);
      expect(await count(role, newTenant())).toBe(0);
      expect((await database.as(role).pool.query('select from clients.client')).rowCount).toBe(0);
    }
  });

  it('finds business types inside the tenant only, though the function runs with the rights of the owner', async () => {
    const [one, other] = [newTenant(), newTenant()];
    await database.store(one, [rowWith({ aggregate_id: ID, business_types: ['Secret'] })]);
    const found = (tenant: string) =>
      database
        .as('groundwork_app')
        .withEntities(tenant, (manager) => manager.query(`select clients.ids_of_business_type('Secret')`));
    expect(await found(one)).toHaveLength(1);
    expect(await found(other)).toEqual([]);
  });

  it('cannot be written by the api, nor by a worker for another tenant', async () => {
    const [own, other] = [newTenant(), newTenant()];
    const written = (role: 'groundwork_app' | 'groundwork_worker') =>
      database
        .as(role)
        .withEntities(own, (manager) =>
          manager.insert(clientEntity, { ...rowWith({ aggregate_id: ID }), raw_data: null, tenant: other } as never),
        );
    await expect(written('groundwork_app')).rejects.toThrow('permission denied');
    await expect(written('groundwork_worker')).rejects.toThrow('row-level security');
  });

  it('S0-13 holds a Salesforce id once in each tenant', async () => {
    const tenant = newTenant();
    await database.store(tenant, [rowWith({ aggregate_id: ID })]);
    await expect(database.store(tenant, [rowWith({ aggregate_id: 'other', salesforce_id: ID })])).rejects.toThrow(
      'client_salesforce_id',
    );
    await expect(database.store(tenant, [rowWith({ aggregate_id: ID, salesforce_id: 'other' })])).rejects.toThrow(
      'client_pk',
    );
  });

  it('S0-44 is the same after its migration was taken back and run again', async () => {
    const before = await database.shape();
    expect(before).toContainEqual(expect.objectContaining({ kind: 'index', name: 'client_listed' }));
    expect(await revertMigration(database.url, [Clients1763710000000])).toBe('Clients1763710000000');
    expect(
      (await database.as('groundwork_owner').pool.query(`select to_regnamespace('clients') as gone`)).rows[0]!.gone,
    ).toBeNull();
    expect(await migrate(database.url, [Clients1763710000000])).toEqual({
      executed: ['Clients1763710000000'],
      held: [],
    });
    expect(await database.shape()).toEqual(before);
  });
});
