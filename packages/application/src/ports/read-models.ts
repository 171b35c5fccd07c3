// The rows of read models as they are stored now, for those who look after them.
import { port } from '../port.ts';
import type { Projection, Row } from '../projections/projection.ts';

export interface ReadModels {
  /** The row of the tenant with this key; undefined when there is none. */
  find(projection: Projection, tenant: string, key: string): Promise<Row | undefined>;
  /** Those of the projections whose table does not exist; none in memory, where nothing has to be made before. */
  withoutTable(projections: readonly Projection[]): Promise<readonly Projection[]>;
}
export const ReadModels = port<ReadModels>('ReadModels');
