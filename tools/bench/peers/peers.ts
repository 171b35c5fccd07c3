// The event stores that a run is compared with when it is asked for with `--peers`.
import { Client } from 'pg';
import type { Peer } from '../suite.ts';
import { castore } from './castore.ts';
import { emmett } from './emmett.ts';
import { installPeers } from './install.ts';
import { messageDb } from './message-db.ts';

/** Each on a new database of the server of `url`; removed, with the databases, when they are disposed of. */
export async function openPeers(
  url: string,
  note: (line: string) => void,
): Promise<AsyncDisposable & { readonly peers: readonly Peer[] }> {
  const packages = await installPeers(note);
  await using opened = new AsyncDisposableStack();
  const peers: Peer[] = [];
  for (const open of [emmett, castore, messageDb]) {
    const database = opened.adopt(await createDatabase(url, open.name.toLowerCase()), (name) => drop(url, name));
    peers.push(opened.use(await open(packages, onDatabase(url, database))));
  }
  const kept = opened.move();
  return { peers, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function createDatabase(url: string, peer: string): Promise<string> {
  const name = `${new URL(url).pathname.slice(1)}_${peer}`;
  await administer(url, `create database ${name}`);
  return name;
}

const drop = (url: string, name: string): Promise<void> => administer(url, `drop database ${name} with (force)`);

function onDatabase(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
