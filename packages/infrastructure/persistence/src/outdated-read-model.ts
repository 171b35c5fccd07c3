// Why the rows of a read model are not touched by this program.
import { Conflict, type Projection } from '@groundwork/application';

export const outdated = ({ name, schemaVersion }: Projection, stored: number): Conflict =>
  new Conflict(
    'projection.outdated',
    `${name} is stored under schema version ${stored}, this program has ${schemaVersion}.`,
    'Rebuild the whole read model with gw projections rebuild NAME, or run the program that wrote it.',
  );
