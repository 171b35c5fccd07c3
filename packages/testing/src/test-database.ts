// A database of its own for each test file: a copy of the migrated template, made in some milliseconds.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';

export interface TestDatabase {
  /** A superuser's connection string. Set a role at session start to test as the api or the worker. */
  readonly url: string;
  /** Ends every connection and removes the database. */
  drop(): Promise<void>;
}

const TEMPLATE = 'groundwork_template';
const COPY_ATTEMPTS_MAX = 100;
const OBJECT_IN_USE = '55006';

/**
 * Copies the template. The cluster is the one that GW_TEST_DATABASE_URL names, or the throw-away one that the test
 * run starts when a test asks for the first time.
 */
export async function testDatabase(): Promise<TestDatabase> {
  const cluster = await clusterUrl();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await onCluster(cluster, (client) => copyTemplate(client, name));
  const url = new URL(cluster);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => onCluster(cluster, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
  };
}

async function clusterUrl(): Promise<string> {
  const given = process.env['GW_TEST_DATABASE_URL'];
  if (given) return given;
  const desk = process.env['GW_TEST_DATABASE_DESK'];
  if (!desk)
    throw new Error(
      'No test database: run jest with the configuration of this repository, or set GW_TEST_DATABASE_URL.',
    );
  const answer = await fetch(desk);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`The test database could not be started: ${text}`);
  return text;
}

/** PostgreSQL copies a template only while nobody is connected to it. */
async function copyTemplate(client: Client, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
      // Rights on a database are not copied with it; the owner of the tables makes schemas.
      await client.query(`GRANT CREATE ON DATABASE ${name} TO groundwork_owner`);
      return;
    } catch (error) {
      const busy = error instanceof DatabaseError && error.code === OBJECT_IN_USE;
      if (!busy || attempt === COPY_ATTEMPTS_MAX) throw error;
      await sleep(50);
    }
  }
}

async function onCluster(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
