// The throw-away cluster of a test run: not durable, migrated once into the template that tests copy.
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@groundwork/persistence';
import { Client } from 'pg';
import { fillTemplate } from './fill-template.ts';

export interface TestCluster {
  readonly url: string;
  stop(): Promise<void>;
}

const PREFIX = 'groundwork-tests-';

/** Starts the cluster, with a template that holds every migration of the product. */
export async function startTestCluster(): Promise<TestCluster> {
  await removeLeftOvers();
  const home = join(tmpdir(), `${PREFIX}${process.pid}`);
  await mkdir(home);
  await chmod(home, 0o711);
  const options = { durable: false, isDecodable: true, log: () => undefined };
  const server = await startEmbeddedPostgres({ dataDir: home, ...options });
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  };
  try {
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.query('CREATE DATABASE groundwork_template');
    await client.end();
    const template = new URL(server.url);
    template.pathname = '/groundwork_template';
    await fillTemplate(template.href);
    return { url: server.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends and deletes the clusters of this user's test runs that were killed. */
async function removeLeftOvers(): Promise<void> {
  for (const name of (await readdir(tmpdir())).filter((entry) => entry.startsWith(PREFIX))) {
    const owner = Number(name.slice(PREFIX.length));
    if (owner !== process.pid && isAlive(owner)) continue;
    const home = join(tmpdir(), name);
    if ((await stat(home).catch(() => undefined))?.uid !== process.getuid?.()) continue;
    const postmaster = Number(
      (await readFile(join(home, 'cluster/postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0],
    );
    const commandLine = await readFile(`/proc/${postmaster}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.includes(home)) process.kill(postmaster, 'SIGQUIT');
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
