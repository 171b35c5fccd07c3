// What a schema of events lets through, as JSON Schema says it: examples at its bounds, and what two schemas differ in.
import { z, type ZodType } from 'zod';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The keywords that zod writes. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly examples?: readonly Json[];
  readonly [keyword: string]: unknown;
}

/** Of what is sent in; a type without a schema lets everything through. */
export function jsonSchemaOf(schema: ZodType | undefined): JsonSchema {
  if (schema === undefined) return {};
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return rest;
}

const LONG = 200;
const LARGE = 1_000_000;

const BY_FORMAT: Readonly<Record<string, readonly string[]>> = {
  uuid: ['019a0000-0000-7000-8000-000000000001'],
  'date-time': ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00Z'],
  date: ['2026-01-01'],
  time: ['12:00:00'],
  email: ['ada@example.org'],
  uri: ['https://example.org/a?b=c'],
};

/** Data at the bounds of the schema. Undefined for texts of a pattern, and whatever else has to be thought up. */
export function examplesOf(schema: JsonSchema): readonly Json[] | undefined {
  if (schema.examples !== undefined) return schema.examples;
  if (schema.const !== undefined) return [schema.const];
  if (schema.enum !== undefined) return schema.enum;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return all(choices.map(examplesOf))?.flat();
  switch (schema.type) {
    case 'null':
      return [null];
    case 'boolean':
      return [true, false];
    case 'string':
      return textsOf(schema);
    case 'integer':
    case 'number':
      return numbersOf(schema);
    case 'array':
      return arraysOf(schema);
    case 'object':
      return objectsOf(schema);
    default:
      return undefined;
  }
}

function textsOf({ format, pattern, minLength, maxLength }: JsonSchema): readonly string[] | undefined {
  if (typeof format === 'string') return BY_FORMAT[format];
  if (pattern !== undefined) return undefined;
  const shortest = Number(minLength ?? 0);
  return ['x'.repeat(shortest), 'x'.repeat(Number(maxLength ?? Math.max(shortest, LONG)))];
}

function numbersOf({ type, multipleOf, ...bounds }: JsonSchema): readonly number[] | undefined {
  if (multipleOf !== undefined) return undefined;
  const { minimum = -LARGE, maximum = LARGE, exclusiveMinimum, exclusiveMaximum } = bounds as Record<string, number>;
  const step = type === 'integer' ? 1 : 0.5;
  const least = exclusiveMinimum === undefined ? minimum : exclusiveMinimum + step;
  return [least, exclusiveMaximum === undefined ? Math.max(maximum, least) : exclusiveMaximum - step];
}

function arraysOf({ items = {}, minItems, maxItems }: JsonSchema): readonly Json[] | undefined {
  const examples = examplesOf(items);
  if (examples === undefined) return undefined;
  const least = Number(minItems ?? 0);
  const most = Number(maxItems ?? Math.max(least, examples.length));
  const ofLength = (length: number): Json => Array.from({ length }, (_, at) => examples[at % examples.length]!);
  return least === most ? [ofLength(most)] : [ofLength(least), ofLength(most)];
}

/** Everything, only what is required, and for each further example of a field an object that has it. */
function objectsOf({ properties = {}, required = [], additionalProperties }: JsonSchema): readonly Json[] | undefined {
  const examples = all(Object.values(properties).map(examplesOf));
  const others = typeof additionalProperties === 'object' ? examplesOf(additionalProperties) : [];
  if (examples === undefined || others === undefined) return undefined;
  const fields = Object.keys(properties).map((name, at) => ({ name, values: examples[at]! }));
  const whole = Object.fromEntries([
    ...fields.map(({ name, values }): [string, Json] => [name, values[0]!]),
    ...others.slice(0, 1).map((value): [string, Json] => ['other', value]),
  ]);
  const least = Object.fromEntries(Object.entries(whole).filter(([name]) => required.includes(name)));
  const isAllRequired = Object.keys(least).length === Object.keys(whole).length;
  return [
    whole,
    ...(isAllRequired ? [] : [least]),
    ...fields.flatMap(({ name, values }) => values.slice(1).map((value) => ({ ...whole, [name]: value }))),
    ...others.slice(1).map((value) => ({ ...whole, other: value })),
  ];
}

const all = <T>(items: readonly (T | undefined)[]): readonly T[] | undefined =>
  items.includes(undefined) ? undefined : (items as readonly T[]);

const WITHIN = new Set(['properties', 'required', 'items', 'additionalProperties', 'examples']);

/** What has become of each field, as half sentences that begin with it. */
export function differencesOf(before: JsonSchema, after: JsonSchema, field = ''): readonly string[] {
  const [was, is] = [before.properties ?? {}, after.properties ?? {}];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  const isRequired = (schema: JsonSchema, name: string): boolean => schema.required?.includes(name) === true;
  const keywords = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((word) => !WITHIN.has(word));
  const changed = keywords.filter((word) => JSON.stringify(before[word]) !== JSON.stringify(after[word]));
  return [
    ...names.flatMap((name) => {
      const at = `${field}/${name}`;
      if (!(name in is)) return [`${at} was removed or renamed`];
      if (!(name in was)) return [`${at} was added${isRequired(after, name) ? ' and is required' : ''}`];
      const need = isRequired(after, name) ? 'required' : 'optional';
      const needs = isRequired(before, name) === isRequired(after, name) ? [] : [`${at} is ${need} now`];
      return [...needs, ...differencesOf(was[name]!, is[name]!, at)];
    }),
    ...differencesOfPart(before.items, after.items, `${field}/*`),
    ...differencesOfPart(before.additionalProperties, after.additionalProperties, `${field}/*`),
    ...changed.map((word) => `${field || '/'} had ${shown(word, before[word])} and has ${shown(word, after[word])}`),
  ];
}

function differencesOfPart(
  before: JsonSchema | boolean | undefined,
  after: JsonSchema | boolean | undefined,
  field: string,
): readonly string[] {
  if (typeof before === 'object' && typeof after === 'object') return differencesOf(before, after, field);
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [`${field} was changed`];
}

const shown = (keyword: string, value: unknown): string =>
  value === undefined ? `no ${keyword}` : `${keyword} ${JSON.stringify(value)}`;
