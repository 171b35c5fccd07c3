// The projections of a program, found at its start: what could never run stops the start.
import { Misconfigured } from '../errors.ts';
import type { EventTypes } from '../events/event-types.ts';
import type { ReadModels } from '../ports/read-models.ts';
import type { Rebuilds } from '../ports/rebuilds.ts';
import type { Projection } from './projection.ts';

export class ProjectionRegistry {
  readonly all: readonly Projection[];

  /** Throws Misconfigured `projection.declared-twice` and `projection.unknown-event-type`. */
  constructor(projections: readonly Projection[], types: EventTypes) {
    for (const [index, { name, eventTypes }] of projections.entries()) {
      if (projections.findIndex((other) => other.name === name) !== index) throw declaredTwice(name);
      for (const type of eventTypes) if (types.find(type) === undefined) throw unknownEventType(name, type);
    }
    this.all = projections;
  }

  /**
   * Throws Misconfigured `projection.table-missing` for a read model that nobody has made. One that is being rebuilt
   * gets its table when that is done.
   */
  async refuseMissingTables(ports: {
    readonly readModels: ReadModels;
    readonly rebuilds: Pick<Rebuilds, 'open'>;
  }): Promise<void> {
    const missing = await ports.readModels.withoutTable(this.all);
    if (missing.length === 0) return;
    const open = (await ports.rebuilds.open()).filter(({ isShadow }) => !isShadow);
    const lost = missing.find(({ name }) => open.every(({ projection }) => projection !== name));
    if (lost !== undefined) throw tableMissing(lost);
  }
}

const declaredTwice = (name: string): Misconfigured =>
  new Misconfigured(
    'projection.declared-twice',
    `Two projections are called ${name}: they would share one checkpoint.`,
    'Rename one of them.',
    { projection: name },
  );

const unknownEventType = (name: string, type: string): Misconfigured =>
  new Misconfigured(
    'projection.unknown-event-type',
    `${name} follows the event type ${type}, which no context declares: it would never come.`,
    'Correct the name, or bind its EventTypeDefinition in the module of the context that owns it.',
    { projection: name, eventType: type },
  );

export const tableMissing = ({ name, table }: Projection): Misconfigured =>
  new Misconfigured(
    'projection.table-missing',
    `The table ${table.schema}.${table.name} of ${name} does not exist.`,
    'gw db migrate makes it, where a migration of its context does; gw projections repair where it was lost.',
    { projection: name },
  );
