// An empty, migrated database for one benchmark, and its removal.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate, startEmbeddedPostgres } from '@groundwork/persistence';
import { Client } from 'pg';

/**
 * On an embedded server with default durability, made on the disk of the development data and removed afterwards; or on
 * the server that GW_BENCH_DATABASE_URL names, whose login must be allowed to create databases. Never on that of
 * DATABASE_URL: a benchmark takes the whole server, and makes it write gigabytes.
 */
export async function withBenchDatabase<T>(
  note: (line: string) => void,
  work: (url: string) => Promise<T>,
): Promise<T> {
  const given = process.env['GW_BENCH_DATABASE_URL'];
  if (given) {
    note(`Measured in a new database on ${new URL(given).host}, which is dropped afterwards.`);
    return withDatabaseOn(given, work);
  }
  const dataDir = join(process.env['GW_DATA_DIR'] || '.groundwork', 'bench');
  const server = await startEmbeddedPostgres({ dataDir, durable: true, log: note });
  const remove = async (): Promise<void> => {
    await server.stop();
    for (const folder of [server.home, dataDir]) await rm(folder, { recursive: true, force: true });
  };
  const stop = (): void => void remove().finally(() => process.exit(130));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, stop);
  try {
    return await withDatabaseOn(server.url, work);
  } finally {
    await remove();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop);
  }
}

/** A second such database on the same server. */
export const withSecondDatabase = <T>(url: string, work: (url: string) => Promise<T>): Promise<T> =>
  withDatabaseOn(url, work);

async function withDatabaseOn<T>(server: string, work: (url: string) => Promise<T>): Promise<T> {
  const name = `groundwork_bench_${randomUUID().slice(0, 8)}`;
  const admin = new Client({ connectionString: server });
  await admin.connect();
  await admin.query(`create database ${name}`);
  try {
    const url = new URL(server);
    url.pathname = `/${name}`;
    await migrate(url.href);
    return await work(url.href);
  } finally {
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  }
}
