// What the rows of a tenant in a read model are made from, so that who has read them knows whether they are the same.
import type { TenantId } from '@groundwork/domain';
import type { Projection } from '../projections/projection.ts';
import { port } from '../port.ts';

export interface ReadModelVersion {
  /**
   * Names the projection, the tenant's latest event, the table and its shape. As long as it is the same, so are the
   * rows, whoever rebuilt, restored or archived what; it is never given again to other rows.
   */
  readonly id: string;
  /** Every slice of the projection has reached this position. */
  readonly reached: bigint;
}

export interface ReadModelVersions {
  /**
   * In one look. Undefined while the rows may change without the version changing: the projection is behind an event
   * of the tenant, a stream of the tenant is parked, or nothing was ever recorded for it.
   */
  of(
    projection: Pick<Projection, 'name' | 'eventTypes' | 'schemaVersion'>,
    tenant: TenantId,
  ): Promise<ReadModelVersion | undefined>;
}
export const ReadModelVersions = port<ReadModelVersions>('ReadModelVersions');
