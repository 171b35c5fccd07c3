// What modules say about the schema of the database, found without making anything else of them.
import 'reflect-metadata'; // Inversify asks for it, though nothing here is decorated.
import type { Port } from '@groundwork/application';
import { DataMigration, MigrationClass, ReadModelEntity } from '@groundwork/persistence';
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

async function allBound<T>(modules: readonly ContainerModule[], key: Port<T>): Promise<readonly T[]> {
  const container = new Container();
  await container.loadAsync(...modules);
  return container.getAll(key as ServiceIdentifier<T>);
}
