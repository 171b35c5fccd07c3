// What is kept of long streams, so that a change event need not read all that was ever told of its record.
import { Snapshots } from '@groundwork/application';
import { z } from 'zod';
import type { RecordState } from '../../model/client-record.ts';

// Every event holds the whole change event, some kilobytes, and the rules need three words of them all.
const EVERY_EVENTS = 50;

// #region policy
/** Of records. Raise the schema version when RecordState or what `evolve` makes of events changes. */
export const recordSnapshots = new Snapshots<RecordState>({
  schemaVersion: 1,
  everyEvents: EVERY_EVENTS,
  schema: z.strictObject({
    existence: z.enum(['unknown', 'known', 'deleted']),
    creation: z.enum(['awaited', 'seen']),
    refetch: z.enum(['none', 'marked']),
  }),
});
// #endregion

/** Of what is kept without a state: it only spares reading the stream. */
export const feedSnapshots = new Snapshots<null>({ schemaVersion: 1, everyEvents: EVERY_EVENTS, schema: z.null() });
