// The comparison: one transaction for each append, as anybody would write it over pg.
import { Pool } from 'pg';
import { payload } from './payload.ts';
import type { Appender } from './suite.ts';

const POOL_SIZE = 16;

export async function plainFloor(url: string): Promise<Appender> {
  const pool = new Pool({ connectionString: url, max: POOL_SIZE });
  // The database is dropped under connections that are just being closed.
  pool.on('error', () => undefined);
  await pool.query(`
    create table public.plain_event (
      position bigserial primary key,
      stream text not null,
      version integer not null,
      payload jsonb not null,
      unique (stream, version)
    )`);
  return {
    name: 'floor',
    append: (stream, expectedVersion, count = 1) => appendPlainly(pool, stream, expectedVersion, count),
    stored: async () => {
      const { rows } = await pool.query<{ stream: string; count: number; version: number }>(
        'select stream, count(*)::int as count, max(version) as version from public.plain_event group by stream',
      );
      return new Map(rows.map((row) => [row.stream, row]));
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

async function appendPlainly(pool: Pool, stream: string, expectedVersion: number, count: number): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ version: number }>(
      'select coalesce(max(version), 0) as version from public.plain_event where stream = $1',
      [stream],
    );
    if (rows[0]!.version !== expectedVersion)
      throw new Error(`${stream} is at ${rows[0]!.version}, not ${expectedVersion}`);
    await client.query(
      'insert into public.plain_event (stream, version, payload) select $1, $2 + n, $3 from generate_series(1, $4) n',
      [stream, expectedVersion, JSON.stringify(payload), count],
    );
    await client.query('commit');
  } finally {
    client.release();
  }
}
