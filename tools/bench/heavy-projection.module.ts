// A read model whose handler computes: what a worker does with it takes its processor, and hardly the database.
import { createHash } from 'node:crypto';
import { Projection, type Row } from '@groundwork/application';
import { ContainerModule } from 'inversify';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { benchTable } from './projected-totals.ts';

const HASHES = 300;

/** One row for each stream: how many events it has, and a digest of all in their order. */
const digests: Projection = {
  name: 'bench.digests',
  schemaVersion: 1,
  table: {
    schema: 'bench',
    name: 'digest',
    key: 'stream',
    columns: { stream: 'text', events: 'integer', digest: 'text', stream_version: 'integer' },
  },
  eventTypes: [BENCH_EVENT_TYPE],
  keyOf: (event) => event.stream.id,
  apply: (row: Row | undefined, { stream, streamVersion, position }) => ({
    stream: stream.id,
    events: Number(row?.['events'] ?? 0) + 1,
    digest: digestOf(`${String(row?.['digest'] ?? '')} ${position}`),
    stream_version: streamVersion,
  }),
};

export const DIGESTS = digests.name;
export const DIGESTS_TABLE = benchTable('digest', 'events integer, digest text, stream_version integer');

function digestOf(text: string): string {
  let digest = text;
  for (let n = 0; n < HASHES; n++) digest = createHash('sha256').update(digest).digest('hex');
  return digest;
}

export const heavyProjectionModule = new ContainerModule(({ bind }) => {
  bind<Projection>(Projection).toConstantValue(digests);
});
