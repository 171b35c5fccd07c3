// What is refused at the start about upcasters, so that no event in the log is ever met without a way to read it.
import { Misconfigured } from '../errors.ts';
import type { EventTypeDefinition } from './event-types.ts';
import { isSplitting } from './upcaster.ts';

type Definitions = ReadonlyMap<string, EventTypeDefinition>;

/**
 * Throws Misconfigured `event-types.missing-upcaster` for a gap in a chain, `event-types.unknown-part` for a split into
 * what nobody declares, and `event-types.circular-upcasters` for one that would never end.
 */
export function refuseUnreadable(definitions: Definitions): void {
  for (const definition of definitions.values()) {
    refuseMissingHop(definition);
    refuseUnknownParts(definition, definitions);
  }
  for (const { type } of definitions.values()) refuseCircle(type, 1, definitions, []);
}

function refuseMissingHop({ type, schemaVersion, upcasters }: EventTypeDefinition): void {
  for (let version = 1; version < schemaVersion; version++) {
    if (upcasters?.[version] !== undefined) continue;
    throw new Misconfigured(
      'event-types.missing-upcaster',
      `${type} has schema version ${schemaVersion}, but no upcaster from ${version} to ${version + 1}.`,
      `Add upcasters[${version}] to ${type}; events of that version may be in the log.`,
      { type, schemaVersion: version },
    );
  }
}

function refuseUnknownParts({ type, upcasters = {} }: EventTypeDefinition, definitions: Definitions): void {
  for (const [from, upcaster] of Object.entries(upcasters)) {
    if (!isSplitting(upcaster)) continue;
    for (const [part, version] of Object.entries(upcaster.into)) {
      const highest = definitions.get(part)?.schemaVersion ?? 0;
      const isKnown = part === type ? version === Number(from) + 1 : version >= 1 && version <= highest;
      if (isKnown) continue;
      throw new Misconfigured(
        'event-types.unknown-part',
        `upcasters[${from}] of ${type} makes ${part} of schema version ${version}, which is not declared.`,
        part === type
          ? `Of ${type} itself it gives the next schema version: write ${Number(from) + 1}.`
          : `Declare ${part} with that schema version, or name one from 1 to ${highest}.`,
        { type, schemaVersion: Number(from), part },
      );
    }
  }
}

/** Follows every way from a version to the events of today; `behind` is the way so far. */
function refuseCircle(type: string, version: number, definitions: Definitions, behind: readonly string[]): void {
  const { schemaVersion: today, upcasters = {} } = definitions.get(type)!;
  for (let from = version; from < today; from++) {
    const upcaster = upcasters[from]!;
    if (!isSplitting(upcaster)) continue;
    const here = `${type} ${from}`;
    if (behind.includes(here)) throw circular([...behind.slice(behind.indexOf(here)), here]);
    for (const [part, next] of Object.entries(upcaster.into)) refuseCircle(part, next, definitions, [...behind, here]);
    return;
  }
}

const circular = (way: readonly string[]): Misconfigured =>
  new Misconfigured(
    'event-types.circular-upcasters',
    `The upcasters lead in a circle: ${way.join(' → ')}.`,
    'Let one of them give a later schema version.',
  );
