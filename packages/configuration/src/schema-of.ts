// What modules say about the database and about what is stored in it, found without making anything else of them.
import 'reflect-metadata'; // Inversify asks for it, though nothing here is decorated.
import { EventTypeDefinition, EventTypes, Projection, type Port } from '@groundwork/application';
import { DataMigration, INSTALLATION_EVENT_TYPES, MigrationClass, ReadModelEntity } from '@groundwork/persistence';
import { Container, type ContainerModule, type ServiceIdentifier } from 'inversify';

/** What `migrate` takes beside the platform's own migrations. */
export const migrationsOf = (modules: readonly ContainerModule[]): Promise<readonly MigrationClass[]> =>
  allBound(modules, MigrationClass);

/** The tables that `schemaDifference` and `generateMigration` compare with the database. */
export const entitiesOf = (modules: readonly ContainerModule[]): Promise<readonly ReadModelEntity[]> =>
  allBound(modules, ReadModelEntity);

/** What `gw db data-migration` can run. */
export const dataMigrationsOf = (modules: readonly ContainerModule[]): Promise<readonly DataMigration[]> =>
  allBound(modules, DataMigration);

/** The event types that the log may hold. */
export const eventTypesOf = async (modules: readonly ContainerModule[]): Promise<EventTypes> =>
  new EventTypes([...INSTALLATION_EVENT_TYPES, ...(await allBound(modules, EventTypeDefinition))]);

/** The read models that are built of the log. */
export const projectionsOf = (modules: readonly ContainerModule[]): Promise<readonly Projection[]> =>
  allBound(modules, Projection);

async function allBound<T>(modules: readonly ContainerModule[], key: Port<T>): Promise<readonly T[]> {
  const container = new Container();
  await container.loadAsync(...modules);
  return container.getAll(key as ServiceIdentifier<T>);
}
