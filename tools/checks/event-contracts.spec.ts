// Events of every version that was ever released can be read by the code of today, and what would end that is found.
import { EventTypes, type EventTypeDefinition } from '@groundwork/application';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { productEventTypes, productSettings } from '../../apps/cli/src/product.ts';
import { lineAdded, orderPlaced } from '../../docs/examples/orders.ts';
import { breachesOf, contractIn, contracts, goldenEventOf, release } from './event-contracts.ts';
import { differencesOf, examplesOf, jsonSchemaOf } from './json-schema.ts';
import { readText, root } from './workspace.ts';

const roomNamed: EventTypeDefinition = {
  type: 'RoomNamed',
  schemaVersion: 1,
  schema: z.object({
    name: z.string().max(40),
    seats: z.int().min(0).optional(),
    kind: z.enum(['hall', 'booth']),
    place: z.object({ floor: z.number() }).nullable(),
    tags: z.array(z.string()),
  }),
};
/** The second version of the rooms, whose data are those of the first but for what is given. */
const second = (schema: z.ZodType, upcaster = (data: unknown): unknown => data): EventTypeDefinition => ({
  ...roomNamed,
  schemaVersion: 2,
  schema,
  upcasters: { 1: upcaster },
});
const shape = (roomNamed.schema as z.ZodObject).shape as Record<string, z.ZodType>;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'contracts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const released = (...definitions: readonly EventTypeDefinition[]) => release(contractIn(folder, definitions));
const breaches = (...definitions: readonly EventTypeDefinition[]) =>
  breachesOf(contractIn(folder, definitions), new EventTypes(definitions));

describe('the events of the product', () => {
  it('can be read in every version that was ever released', async () => {
    const types = await productEventTypes(productSettings({}));
    const found = await contracts();
    expect(found.flatMap((contract) => breachesOf(contract, types))).toEqual([]);
    expect(found.flatMap((contract) => contract.released)).toHaveLength(types.all.length);
  });
});

describe('a released version', () => {
  const { name: _, ...nameless } = shape;
  it.each([
    ['a field is removed', z.object(nameless), '/name was removed or renamed'],
    ['a field is renamed', z.object({ ...nameless, title: z.string() }), '/title was added and is required'],
    ['a field has another type', z.object({ ...shape, seats: z.string().optional() }), '/seats had type "integer"'],
    [
      'a text is shorter',
      z.object({ ...shape, name: z.string().max(20) }),
      '/name had maxLength 40 and has maxLength 20',
    ],
    ['a choice is taken away', z.object({ ...shape, kind: z.enum(['hall']) }), '/kind had enum'],
    ['a field becomes required', z.object({ ...shape, seats: z.int().min(0) }), '/seats is required now'],
    ['a required field is added', z.object({ ...shape, door: z.string() }), '/door was added and is required'],
    ['an optional field is added', z.object({ ...shape, door: z.string().optional() }), '/door was added'],
    ['something within is changed', z.object({ ...shape, tags: z.array(z.int()) }), '/tags/* had type "string"'],
    ['the schema is left out', undefined, '/name was removed or renamed'],
  ])('does not change: it is found when %s', (_what, schema, said) => {
    released(roomNamed);
    expect(breaches(roomNamed)).toEqual([]);
    const { schema: __, ...rest } = roomNamed;
    const found = breaches(schema === undefined ? rest : { ...rest, schema });
    expect(found.some((breach) => breach.startsWith(`RoomNamed.v1: ${said}`))).toBe(true);
    expect(found.join()).toContain('raise schemaVersion to 2 and add upcasters[1].');
  });

  it.each([
    [
      'drops what the schema needs',
      z.object(shape),
      ({ name: _n, ...data }: { name?: string }) => data,
      '/name does not fit',
    ],
    [
      'keeps what was renamed',
      z.object({ ...nameless, title: z.string().optional() }),
      undefined,
      '/name is unknown to',
    ],
    ['keeps another type', z.object({ ...shape, seats: z.string().optional() }), undefined, '/seats does not fit'],
    ['keeps what is too long now', z.object({ ...shape, name: z.string().max(20) }), undefined, '/name does not fit'],
    ['keeps a choice that is gone', z.object({ ...shape, kind: z.enum(['hall']) }), undefined, '/kind does not fit'],
    [
      'keeps null where none may be',
      z.object({ ...shape, place: z.object({ floor: z.number() }) }),
      undefined,
      '/place',
    ],
    ['knows no value for what is new', z.object({ ...shape, door: z.string() }), undefined, '/door does not fit'],
    [
      'loses what is within',
      z.object({ ...shape, place: z.object({}).nullable() }),
      undefined,
      '/place/floor is unknown',
    ],
    [
      'cannot read what was left out',
      z.object(shape),
      ({ seats, ...data }: { seats?: number }) => ({ ...data, seats: seats!.toFixed() && seats }),
      'cannot be read: Cannot read properties of undefined',
    ],
  ])('is read by upcasters: it is found when one %s', (_what, schema, upcaster, said) => {
    released(roomNamed);
    const changed = second(schema, upcaster as (data: unknown) => unknown);
    released(changed);
    expect(breaches(changed).some((breach) => breach.startsWith(`RoomNamed.v1: ${said}`))).toBe(true);
  });

  it('is always read in the same way: it is found when an upcaster gives other data than at its release', () => {
    released(roomNamed);
    const seated = z.object({ ...shape, seats: z.int().min(0) });
    const seatsOf = (byDefault: number) => (data: unknown) => ({ seats: byDefault, ...(data as object) });
    released(second(seated, seatsOf(0)));
    expect(breaches(second(seated, seatsOf(0)))).toEqual([]);
    expect(breaches(second(seated, seatsOf(1)))).toEqual([
      'RoomNamed.v2: upcasters[1] gives other data than when it was released.',
    ]);
  });

  it('can be read when the upcaster says what has become of each field', () => {
    released(roomNamed);
    const renamed = second(z.object({ ...nameless, title: z.string().max(40) }), (data) => {
      const { name, ...rest } = data as { name: string };
      return { ...rest, title: name };
    });
    expect(released(renamed)).toEqual(['RoomNamed.v2']);
    expect(breaches(renamed)).toEqual([]);
  });

  it('can be read as several events, each of which fits its type', () => {
    const lines = z.object({ by: z.string(), lines: z.array(z.string()) });
    const first = { type: 'OrderPlaced', schemaVersion: 1, schema: lines };
    released(first, { type: 'LineAdded', schemaVersion: 1, schema: z.object({ item: z.string() }) });
    released(orderPlaced, lineAdded);
    expect(breaches(orderPlaced, lineAdded)).toEqual([]);
    const { upcasters: _u, ...line } = lineAdded;
    const careless = { ...line, upcasters: { 1: (data: unknown) => data } };
    const misfit = ['LineAdded.v1', 'OrderPlaced.v1'].map((name) => `${name}: /count does not fit today's LineAdded`);
    expect(breaches(orderPlaced, careless)).toEqual(
      expect.arrayContaining(misfit.map((said) => expect.stringContaining(said))),
    );
  });
});

describe('golden files', () => {
  it('are asked for of a new version, and missed when one is deleted, with its name', () => {
    released(roomNamed);
    const changed = second(z.object(shape));
    const command = 'has no golden file: npx node tools/checks/event-contracts.ts --write.';
    expect(breaches(changed)).toEqual([`RoomNamed.v2 ${command}`]);
    released(changed);
    unlinkSync(join(folder, 'RoomNamed.v1.json'));
    expect(breaches(changed)).toEqual(['RoomNamed.v1 has lost its golden file: take it back from the history.']);
    expect(released(changed)).toEqual([]);
  });

  it('are missed when their list is cut, and when their type is no longer declared', () => {
    released(roomNamed);
    const gone = 'RoomNamed.v1 was released, and nobody declares it any more: events of it may be in the log.';
    expect(breachesOf(contractIn(folder, []), new EventTypes([]))).toEqual([gone]);
    writeFileSync(join(folder, 'released.json'), '[]');
    expect(breaches(roomNamed)).toEqual(['RoomNamed.v1 is not in released.json.']);
  });

  it('are written once: never over one that is there, however the schema has changed', () => {
    expect(released(roomNamed)).toEqual(['RoomNamed.v1']);
    const texts = () => readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    const before = texts();
    expect(released({ ...roomNamed, schema: z.object({ name: z.string() }) })).toEqual([]);
    expect(texts()).toEqual(before);
  });

  it('hold data at the bounds of the schema, which all fit it', () => {
    const every = z.object({
      id: z.uuid(),
      at: z.iso.datetime(),
      day: z.iso.date().optional(),
      mail: z.email(),
      size: z.number().gt(0).lt(10),
      count: z.int().max(5),
      choice: z.union([z.literal('a'), z.object({ kind: z.literal('b'), n: z.int() })]),
      list: z.array(z.boolean()).min(1).max(3),
      names: z.record(z.string(), z.string().min(2)),
    });
    const examples = examplesOf(jsonSchemaOf(every))!;
    expect(examples.length).toBeGreaterThan(8);
    for (const example of examples) expect(every.safeParse(example).error).toBeUndefined();
    expect(examples.map((example) => (example as { choice: unknown }).choice)).toContain('a');
    expect(examples.filter((example) => !('day' in (example as object)))).toHaveLength(1);
    expect(differencesOf(jsonSchemaOf(every), jsonSchemaOf(every))).toEqual([]);
  });

  it('take an example from outside where none can be thought up, if it fits', () => {
    const plate = { type: 'CarSeen', schemaVersion: 1, schema: z.object({ plate: z.string().regex(/^[A-Z]{2}\d+$/) }) };
    expect(() => goldenEventOf(plate)).toThrow('--sample');
    expect(() => goldenEventOf(plate, [{ plate: 'x' }])).toThrow('does not fit CarSeen');
    expect(goldenEventOf(plate, [{ plate: 'KI12' }]).samples).toEqual([{ plate: 'KI12' }]);
    expect(() => goldenEventOf({ type: 'Kept', schemaVersion: 1 })).toThrow('--sample');
  });
});

it('the commands of the guide run, and have nothing to do here', () => {
  const commands = [...readText('docs/guides/change-an-event.md').matchAll(/^ *npx node (\S+)(.*)$/gm)];
  expect(commands.length).toBeGreaterThan(1);
  for (const [, script, rest] of commands) {
    const args = [script!, ...rest!.split(' ').filter(Boolean)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: 'Every event that was ever released can be read.\n',
      stderr: '',
    });
  }
});
