// Looks once, at the start, whether the read models of the program have their tables.
import {
  Unavailable,
  type Logger,
  type ProjectionRegistry,
  type ReadModels,
  type Rebuilds,
} from '@groundwork/application';

export interface ReadModelTablePorts {
  readonly registry: ProjectionRegistry;
  readonly readModels: ReadModels;
  readonly rebuilds: Rebuilds;
  readonly logger: Logger;
}

/**
 * Throws Misconfigured `projection.table-missing`. A database that cannot be reached is not waited for: the loops do
 * that, and report what they meet.
 */
export async function lookForTables({ registry, logger, ...ports }: ReadModelTablePorts): Promise<void> {
  try {
    await registry.refuseMissingTables(ports);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    logger.warn('The tables of the read models could not be looked for.', { code: error.code, error: error.message });
  }
}
