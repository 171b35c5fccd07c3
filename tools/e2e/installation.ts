// An api on a PostgreSQL of ours; workers are started by whoever wants some.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  issueDevelopmentToken,
  migrate,
  prepareEmbeddedDatabase,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '@groundwork/configuration';
import { Client } from 'pg';
import { productMigrations, productSettings } from '../../apps/cli/src/product.ts';
import { startProgram, untilReady, type Program } from './program.ts';
import { sendTo, type Send } from './started-product.ts';

export interface Installation {
  readonly database: EmbeddedPostgres;
  /** A superuser's connection. */
  readonly client: Client;
  readonly api: Program;
  readonly url: string;
  readonly token: string;
  readonly send: Send;
  /** What a worker has to be given; with another login where one is named. */
  settings(login?: Login): Readonly<Record<string, string>>;
  /** Posts one change event. */
  post(body: string): Promise<Response>;
  stop(): Promise<void>;
}

export interface Login {
  readonly name: string;
  readonly password: string;
}

/** `apiSettings` are for the api alone. */
export async function startInstallation(
  name: string,
  apiSettings: Readonly<Record<string, string>> = {},
): Promise<Installation> {
  const dataDir = mkdtempSync(join(tmpdir(), `gw-${name}-`));
  chmodSync(dataDir, 0o711);
  const database = await startEmbeddedPostgres({ dataDir, durable: true, log: () => undefined });
  const urls = await prepareEmbeddedDatabase(database.url);
  await migrate(urls.migration, await productMigrations(productSettings({})));
  const superuser = new URL(database.url);
  superuser.pathname = new URL(urls.worker).pathname;
  const client = new Client({ connectionString: superuser.href });
  await client.connect();
  const api = startProgram('api', { GW_DATA_DIR: dataDir, DATABASE_URL: urls.api, ...apiSettings });
  await untilReady(api);
  const token = await issueDevelopmentToken(productSettings({ GW_DATA_DIR: dataDir }).security);
  const url = await api.url();
  const send = sendTo(url, `Bearer ${token}`);
  return {
    database,
    client,
    api,
    url,
    token,
    send,
    settings: (login) => {
      const worker = new URL(urls.worker);
      if (login !== undefined) [worker.username, worker.password] = [login.name, login.password];
      return { GW_DATA_DIR: dataDir, DATABASE_URL: worker.href };
    },
    post: (body) => send('/v1/events/salesforce', { method: 'POST', body }),
    stop: async () => {
      api.kill('SIGTERM');
      await api.exitCode;
      await client.end();
      await database.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
