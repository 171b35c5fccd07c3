// Which database the commands work on.
import { prepareEmbeddedDatabase, runningEmbeddedPostgres, startEmbeddedPostgres } from '@groundwork/configuration';
import type { Output } from '../output.ts';
import { productSettings, type ProductSettings } from '../product.ts';
import { outputOf, type JsonOption } from './options.ts';

/** `url` logs in as the owner of the tables. */
export type DatabaseWork = (url: string, settings: ProductSettings, output: Output) => Promise<void>;

/** Works on the given database as the login of the migrations; without one on the embedded, started if need be. */
export async function onDatabase(options: JsonOption, work: DatabaseWork): Promise<void> {
  const output = outputOf(options);
  const settings = productSettings();
  const given = settings.persistence.migrationDatabaseUrl ?? settings.persistence.databaseUrl;
  if (given !== undefined) return work(given, settings, output);
  const { dataDir } = settings.security;
  const running = await runningEmbeddedPostgres(dataDir);
  if (running !== undefined) return work((await prepareEmbeddedDatabase(running)).migration, settings, output);
  const server = await startEmbeddedPostgres({ dataDir, durable: true, log: (line) => output.note(line) });
  try {
    await work((await prepareEmbeddedDatabase(server.url)).migration, settings, output);
  } finally {
    await server.stop();
  }
}
