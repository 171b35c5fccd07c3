// Brings the template database to today's schema.
import { migrate } from '@groundwork/persistence';
import { productMigrations, productSettings } from '../../apps/cli/src/product.ts';

/** Runs every migration of the product, platform and contexts, in the database. */
export async function fillTemplate(databaseUrl: string): Promise<void> {
  await migrate(databaseUrl, await productMigrations(productSettings({})));
}
