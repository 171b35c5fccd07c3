// What PostgreSQL reads out of the arrays is what was put into them.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@groundwork/testing';
import * as fc from 'fast-check';
import { Client } from 'pg';
import { float8Array, int4Array, textArray, uuidArray } from './binary-arrays.ts';

let database: TestDatabase;
let client: Client;
beforeAll(async () => {
  database = await testDatabase();
  client = new Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const read = async (type: string, array: Buffer): Promise<unknown> => {
  const { rows } = await client.query<{ items: unknown }>(`select $1::${type}[]::text[] as items`, [array]);
  return rows[0]!.items;
};

const text = fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed() && !value.includes('\0'));

describe('Arrays in the binary format', () => {
  it('hold texts of any script, and NULL', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text, { nil: undefined })), async (values) => {
        expect(await read('text', textArray(values))).toEqual(values.map((value) => value ?? null));
      }),
    );
  });

  it('hold UUIDs in either case', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.uuid(), fc.boolean())), async (ids) => {
        const given = ids.map(([id, isUpper]) => (isUpper ? id.toUpperCase() : id));
        expect(await read('uuid', uuidArray(given))).toEqual(ids.map(([id]) => id.toLowerCase()));
      }),
    );
  });

  it('hold numbers', async () => {
    const int4 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(int4), fc.array(fc.double({ noNaN: true })), async (whole, real) => {
        expect(await read('int4', int4Array(whole))).toEqual(whole.map(String));
        expect(((await read('float8', float8Array(real))) as string[]).map(Number)).toEqual(real);
      }),
    );
  });
});
