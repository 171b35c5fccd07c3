// Every released version of an event has a golden file, which has to load for ever. `npx node
// tools/checks/event-contracts.ts` tells what would break one; with `--write` it writes those of new versions.
import {
  inputIssues,
  isSplitting,
  jsonTextOf,
  parseExactJson,
  type EventTypeDefinition,
  type EventTypes,
  type VersionedData,
} from '@groundwork/application';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { productEventTypes, productSettings } from '../../apps/cli/src/product.ts';
import { differencesOf, examplesOf, jsonSchemaOf, type Json, type JsonSchema } from './json-schema.ts';
import { projects, root } from './workspace.ts';

/** What a version says, and data as it was recorded under it. */
export interface GoldenEvent {
  readonly type: string;
  readonly schemaVersion: number;
  readonly schema: JsonSchema;
  readonly samples: readonly unknown[];
  /** What the upcaster has made of the samples of the version before, when this one was released. */
  readonly upcasted?: readonly unknown[];
}

/** The golden files of one package, beside the list of what it has released. */
export interface Contract {
  readonly folder: string;
  readonly definitions: readonly EventTypeDefinition[];
  /** `ClientCreated.v1` */
  readonly released: readonly string[];
  readonly golden: ReadonlyMap<string, GoldenEvent>;
}

const RELEASED = 'released.json';
const nameOf = (type: string, schemaVersion: number): string => `${type}.v${schemaVersion}`;

/** The contracts of all packages that declare events of the product. */
export async function contracts(): Promise<readonly Contract[]> {
  const { all } = await productEventTypes(productSettings({}));
  return [...Map.groupBy(all, ({ declaredIn }) => declaredIn)].map(([place, definitions]) => {
    const project = projects().find(({ name }) => name === place);
    if (project === undefined) throw new Error(`${definitions[0]!.type} does not say which package declares it.`);
    return contractIn(join(root, project.folder, 'golden/events'), definitions);
  });
}

export function contractIn(folder: string, definitions: readonly EventTypeDefinition[]): Contract {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => /\.v\d+\.json$/.test(file)) : [];
  const read = <T>(file: string): T => parseExactJson(readFileSync(join(folder, file), 'utf8')) as T;
  return {
    folder,
    definitions,
    released: existsSync(join(folder, RELEASED)) ? read<string[]>(RELEASED) : [],
    golden: new Map(files.map((file) => [file.replace(/\.json$/, ''), read<GoldenEvent>(file)])),
  };
}

/** Everything that would keep an event of a released version from being read, as sentences. */
export function breachesOf({ definitions, released, golden }: Contract, types: EventTypes): readonly string[] {
  return [
    ...definitions.flatMap((definition) => unreleased(definition, released, golden)),
    ...released.flatMap((name) => undeclared(name, types)),
    ...[...golden.keys()].filter((name) => !released.includes(name)).map((name) => `${name} is not in ${RELEASED}.`),
    ...[...golden].flatMap(([name, event]) => [
      ...changed(name, event, types),
      ...otherwise(name, event, golden, types),
      ...unreadable(name, event, types),
    ]),
  ];
}

function unreleased(
  { type, schemaVersion }: EventTypeDefinition,
  released: readonly string[],
  golden: Contract['golden'],
): readonly string[] {
  const names = Array.from({ length: schemaVersion }, (_, index) => nameOf(type, index + 1));
  return names
    .filter((name) => !golden.has(name))
    .map((name) =>
      released.includes(name)
        ? `${name} has lost its golden file: take it back from the history.`
        : `${name} has no golden file: npx node tools/checks/event-contracts.ts --write.`,
    );
}

function undeclared(name: string, types: EventTypes): readonly string[] {
  const [type, version] = name.split('.v') as [string, string];
  const today = types.find(type)?.schemaVersion ?? 0;
  if (today >= Number(version)) return [];
  const is = today === 0 ? 'nobody declares it any more' : `${type} is declared with schema version ${today}`;
  return [`${name} was released, and ${is}: events of it may be in the log.`];
}

/** What a version says does not change: what is to change gets another one. */
function changed(name: string, { type, schemaVersion, schema }: GoldenEvent, types: EventTypes): readonly string[] {
  const today = types.find(type);
  if (today?.schemaVersion !== schemaVersion) return [];
  const next = `raise schemaVersion to ${schemaVersion + 1} and add upcasters[${schemaVersion}].`;
  return differencesOf(schema, jsonSchemaOf(today.schema)).map((difference) => `${name}: ${difference}: ${next}`);
}

/** Nor does an upcaster: events that were read in one way would be read in another. */
function otherwise(
  name: string,
  { type, schemaVersion, upcasted = [] }: GoldenEvent,
  golden: Contract['golden'],
  types: EventTypes,
): readonly string[] {
  const before = golden.get(nameOf(type, schemaVersion - 1));
  const definition = types.find(type);
  if (before === undefined || definition === undefined) return [];
  const today = upcastedBy(definition, before);
  const isOther = upcasted.some((made, at) => made !== null && jsonTextOf(made) !== jsonTextOf(today[at]));
  return isOther ? [`${name}: upcasters[${before.schemaVersion}] gives other data than when it was released.`] : [];
}

/** One hop from each sample; null where it throws, which is told of elsewhere, and may be mended. */
const upcastedBy = ({ upcasters }: EventTypeDefinition, { schemaVersion, samples }: GoldenEvent): readonly unknown[] =>
  samples.map((sample) => {
    const upcaster = upcasters?.[schemaVersion];
    const data = parseExactJson(jsonTextOf(sample));
    try {
      return (isSplitting(upcaster) ? upcaster.split(data) : upcaster?.(data)) ?? null;
    } catch {
      return null;
    }
  });

/** Read as the log is read, then held against the schemas of today. */
function unreadable(name: string, { type, schemaVersion, samples }: GoldenEvent, types: EventTypes): readonly string[] {
  const faults = samples.flatMap((sample) => {
    try {
      return types
        .upcast(type, schemaVersion, parseExactJson(jsonTextOf(sample)))
        .flatMap((part) => misfits(part, types));
    } catch (error) {
      return [`cannot be read: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
  return [...new Set(faults)].map((fault) => `${name}: ${fault}`);
}

/** The fields of data that today's schema refuses, or knows nothing of. */
function misfits({ type, data }: VersionedData, types: EventTypes): readonly string[] {
  const schema = types.find(type)?.schema;
  if (schema === undefined) return [];
  const parsed = schema.safeParse(data);
  const today = `today's ${type}`;
  if (!parsed.success) {
    return inputIssues(parsed.error).map(
      ({ pointer, message }) => `${pointer || '/'} does not fit ${today}: ${message}`,
    );
  }
  return lostFields(data, parsed.data).map((pointer) => `${pointer} is unknown to ${today}`);
}

function lostFields(before: unknown, after: unknown, pointer = ''): readonly string[] {
  if (typeof before !== 'object' || before === null || typeof after !== 'object' || after === null) return [];
  return Object.entries(before).flatMap(([key, value]) =>
    key in after
      ? lostFields(value, (after as Record<string, unknown>)[key], `${pointer}/${key}`)
      : [`${pointer}/${key}`],
  );
}

/** The golden file of today's version. Throws when its data has to be thought up and no `samples` are given. */
export function goldenEventOf(
  definition: EventTypeDefinition,
  samples?: readonly Json[],
  before?: GoldenEvent,
): GoldenEvent {
  const { type, schemaVersion, schema } = definition;
  const data = samples ?? examplesOf(jsonSchemaOf(schema));
  if (data === undefined) throw new Error(`Nobody can think up data of ${type}: --write ${type} --sample FILE.`);
  for (const one of data) {
    const parsed = schema?.safeParse(one);
    if (parsed?.success !== false) continue;
    throw new Error(`The sample ${JSON.stringify(one)} does not fit ${type}: ${inputIssues(parsed.error)[0]!.message}`);
  }
  const upcasted = before === undefined ? {} : { upcasted: upcastedBy(definition, before) };
  return { type, schemaVersion, schema: jsonSchemaOf(schema), samples: data, ...upcasted };
}

/** Writes the golden files of versions that have none, of these types or all, and lists them. Overwrites nothing. */
export function release(
  contract: Contract,
  samples?: readonly Json[],
  only: readonly string[] = [],
): readonly string[] {
  const { folder, definitions, released, golden } = contract;
  const isNew = ({ type, schemaVersion }: EventTypeDefinition): boolean => {
    const name = nameOf(type, schemaVersion);
    return !golden.has(name) && !released.includes(name) && (only.length === 0 || only.includes(type));
  };
  const events = definitions
    .filter(isNew)
    .map((one) => goldenEventOf(one, samples, golden.get(nameOf(one.type, one.schemaVersion - 1))));
  if (events.length === 0) return [];
  mkdirSync(folder, { recursive: true });
  const names = events.map((event) => {
    const name = nameOf(event.type, event.schemaVersion);
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(event, null, 2)}\n`, { flag: 'wx' });
    return name;
  });
  writeFileSync(join(folder, RELEASED), `${JSON.stringify([...released, ...names].toSorted(), null, 2)}\n`);
  return names;
}

async function main(): Promise<void> {
  const options = { write: { type: 'boolean', default: false }, sample: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.sample !== undefined && positionals.length !== 1) throw new Error('A sample is of one type: name it.');
  const samples =
    values.sample === undefined ? undefined : [parseExactJson(readFileSync(values.sample, 'utf8')) as Json];
  if (values.write) {
    for (const name of (await contracts()).flatMap((contract) => release(contract, samples, positionals))) {
      console.log(`${name} is released.`);
    }
  }
  const types = await productEventTypes(productSettings({}));
  const breaches = (await contracts()).flatMap((contract) => breachesOf(contract, types));
  for (const breach of breaches) console.error(breach);
  if (breaches.length > 0) process.exitCode = 1;
  else console.log('Every event that was ever released can be read.');
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
