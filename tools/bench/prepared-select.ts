// The comparison for reads: the same rows by one prepared SELECT over pg, payloads parsed, without tenants or limits.
import { Pool } from 'pg';
import { STREAM_TYPE, TENANT } from './our-store.ts';
import type { Loader } from './suite.ts';

const POOL_SIZE = 16;

export async function preparedSelect(url: string): Promise<AsyncDisposable & Loader> {
  const pool = new Pool({ connectionString: url, max: POOL_SIZE });
  pool.on('error', () => undefined);
  return {
    name: 'prepared SELECT',
    load: async (stream) => {
      const { rows } = await pool.query<{ data: string }>({
        name: 'select_stream',
        text: `
          select position, stream_version, event_id, type, schema_version, source, occurred_at, recorded_at, metadata,
                 validation, data
            from groundwork.event
           where stream_id = (select stream_id from groundwork.stream where tenant = $1 and type = $2 and id = $3)
           order by stream_version`,
        values: [TENANT, STREAM_TYPE, stream],
      });
      for (const { data } of rows) JSON.parse(data);
      return rows.length;
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}
