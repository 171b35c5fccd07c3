// What the server does without us and without Node: one prepared INSERT for each transaction, by pgbench.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { Contender } from './interleaved.ts';
import { payload } from './payload.ts';
import type { Bench } from './suite.ts';

const DEBIAN = '/usr/lib/postgresql';

/** Undefined, said with the reason, when the machine has no pgbench. It checks no versions and tells averages only. */
export async function pgbench({ url, note }: Bench): Promise<Contender | undefined> {
  const program = found();
  if (program === undefined) {
    note('There is no pgbench on this machine (package postgresql-contrib): its ratio is left out.');
    return undefined;
  }
  await createTable(url);
  return { name: 'pgbench', window: (clients, durationMs) => runPgbench(program, url, clients, durationMs) };
}

function found(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, 'bin')) : [];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...versions];
  return folders.map((folder) => join(folder, 'pgbench')).find((path) => existsSync(path));
}

/** The table of the plain floor, under another name. */
async function createTable(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`
    create table public.pgbench_event (
      position bigserial primary key, stream text not null, version integer not null, payload jsonb not null,
      unique (stream, version)
    )`);
  await client.end();
}

async function runPgbench(
  program: string,
  url: string,
  clients: number,
  durationMs: number,
): Promise<{ perSecond: number; latenciesMs: number[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'gw-pgbench-'));
  try {
    const script = join(folder, 'insert.sql');
    await writeFile(
      script,
      `\\set stream random(1, 1000000000000)
       insert into public.pgbench_event (stream, version, payload)
         values ('stream-' || :stream, 1, '${JSON.stringify(payload)}');`,
    );
    const options = ['--no-vacuum', '--protocol=prepared', `--client=${clients}`, `--jobs=${Math.min(clients, 2)}`];
    // Its seconds are whole, and connecting is part of them.
    const seconds = Math.ceil(durationMs / 1000) + 1;
    const { stdout } = await promisify(execFile)(program, [...options, `--time=${seconds}`, `--file=${script}`, url]);
    return { perSecond: tpsOf(stdout), latenciesMs: [] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Transactions a second, without the time that connecting takes. */
export function tpsOf(output: string): number {
  const tps = /^tps = ([\d.]+) \(without initial connection time\)/m.exec(output)?.[1];
  if (tps === undefined) throw new Error(`pgbench said no rate: ${output}`);
  return Number(tps);
}
