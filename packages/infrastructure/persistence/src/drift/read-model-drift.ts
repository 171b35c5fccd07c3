// Compares every read model that the program declares with the table that is found.
import type { Projection } from '@groundwork/application';
import type { EntitySchema } from 'typeorm';
import { asOwner } from '../postgres/owner-connection.ts';
import { declaredTable } from './declared-table.ts';
import { driftsOf, type Drift } from './drifts.ts';
import { foundTable } from './found-table.ts';

/** Names, types and kinds only: nothing of any row. */
export interface DriftReport {
  /** When the comparison began: what was rebuilt later is not in it. */
  readonly lookedAt: Date;
  readonly projections: readonly {
    readonly projection: string;
    /** With its schema. */
    readonly table: string;
    readonly drifts: readonly Drift[];
  }[];
}

/** Reads the catalogue only, beside programs that go on working. See `asOwner` for `url`. */
export const readModelDrift = (
  url: string,
  {
    projections,
    entities,
  }: { readonly projections: readonly Projection[]; readonly entities: readonly EntitySchema[] },
): Promise<DriftReport> =>
  asOwner(url, { applicationName: 'groundwork-drift', isReadOnly: true }, async (client) => {
    const { rows } = await client.query<{ now: Date }>('select clock_timestamp() as now');
    const compared = [];
    for (const { name: projection, table } of projections) {
      const declared = declaredTable(table, entities);
      const drifts = driftsOf(declared, await foundTable(client, declared));
      compared.push({ projection, table: `${table.schema}.${table.name}`, drifts });
    }
    return { lookedAt: rows[0]!.now, projections: compared };
  });
