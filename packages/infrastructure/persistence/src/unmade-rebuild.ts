// Why a rebuild is not begun or not taken back.
import { Conflict, NotFound } from '@groundwork/application';

export const rebuildOpen = (projection: string): Conflict =>
  new Conflict(
    'projection.rebuild-open',
    `${projection} is being rebuilt already.`,
    'Wait for it, or cancel it first: gw projections cancel NAME.',
  );

export const nothingToRollBack = (projection: string): Conflict =>
  new Conflict(
    'projection.nothing-to-roll-back',
    `No former table of ${projection} is kept.`,
    'It is kept from the switch to the next rebuild. Rebuild with the former code instead.',
  );

export const unknownProjection = (projection: string): NotFound =>
  new NotFound('projection.unknown', `There is no projection ${projection}.`, 'GET /v1/projections lists them.');
