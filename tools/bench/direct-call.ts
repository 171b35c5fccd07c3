// The least that a single client can pay: the log's own function, called over pg without our store.
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { inProcess, type Contender } from './interleaved.ts';
import { STREAM_TYPE } from './our-store.ts';
import { payload } from './payload.ts';
import { StreamTickets } from './stream-tickets.ts';

/** Its events are of a tenant of their own, so that nobody counts them as his. */
const TENANT = 'bench-direct';

/** For one client at a time. */
export async function directCall(
  url: string,
): Promise<AsyncDisposable & { readonly contender: Contender; verify(): Promise<void> }> {
  const client = new Client({ connectionString: url, options: '-c role=groundwork_app' });
  await client.connect();
  const tickets = new StreamTickets();
  return {
    contender: inProcess(
      'direct call',
      tickets.request((stream, expectedVersion) => append(client, stream, expectedVersion)),
    ),
    verify: async () => {
      const acknowledged = [...tickets.acknowledged.values()].reduce((total, version) => total + version, 0);
      await client.query(`select set_config('groundwork.tenant', '${TENANT}', false)`);
      const { rows } = await client.query<{ count: number }>('select count(*)::int from groundwork.event');
      if (rows[0]!.count !== acknowledged) throw new Error(`Of ${acknowledged} events ${rows[0]!.count} are stored.`);
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function append(client: Client, stream: string, expectedVersion: number): Promise<void> {
  const id = randomUUID();
  const metadata = JSON.stringify({ actor: 'bench', correlationId: id });
  const { rows } = await client.query<{ verdicts: number[] }>({
    name: 'append_batch',
    text: `select * from groundwork.append_batch(
             $1, $2, $3, $4, '{1}', '{1}', false, '{1}', '{1}', $5, $6, '{1}', '{api}', $7, $8, $9, '{NULL}', $10)`,
    values: [
      [TENANT],
      [STREAM_TYPE],
      [stream],
      [expectedVersion],
      [id],
      [BENCH_EVENT_TYPE],
      [Date.now()],
      [id],
      [metadata],
      [JSON.stringify(payload)],
    ],
  });
  if (rows[0]!.verdicts[0] !== 0) throw new Error(`An append to ${stream} was refused.`);
}
