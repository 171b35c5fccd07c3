// What the commands know of the product: its settings, its events, its tables and its migrations.
import {
  contextModules,
  dataMigrationsOf,
  entitiesOf,
  eventTypesOf,
  migrationsOf,
  projectionsOf,
  readSettings,
} from '@groundwork/configuration';
import { contexts } from './contexts.ts';

export type ProductSettings = ReturnType<typeof productSettings>;

/** Throws Misconfigured `settings.invalid` with everything that is wrong. */
export const productSettings = (env: NodeJS.ProcessEnv = process.env) => readSettings(env, contexts);

/** The migrations of the contexts; the platform's own come by themselves. */
export const productMigrations = (settings: ProductSettings): ReturnType<typeof migrationsOf> =>
  migrationsOf(contextModules(contexts, settings));

/** The tables of the contexts as their entities say. */
export const productEntities = (settings: ProductSettings): ReturnType<typeof entitiesOf> =>
  entitiesOf(contextModules(contexts, settings));

/** What the contexts want to change in rows that exist. */
export const productDataMigrations = (settings: ProductSettings): ReturnType<typeof dataMigrationsOf> =>
  dataMigrationsOf(contextModules(contexts, settings));

/** The event types of the contexts. */
export const productEventTypes = (settings: ProductSettings): ReturnType<typeof eventTypesOf> =>
  eventTypesOf(contextModules(contexts, settings));

/** The read models of the contexts. */
export const productProjections = (settings: ProductSettings): ReturnType<typeof projectionsOf> =>
  projectionsOf(contextModules(contexts, settings));
