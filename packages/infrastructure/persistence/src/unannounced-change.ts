// Saving an aggregate of state whose command led to no event.
import {
  Misconfigured,
  refuseOtherVersion,
  type Appended,
  type ExpectedVersion,
  type LoadedAggregate,
} from '@groundwork/application';
import { streamName, type StreamId } from '@groundwork/domain';
import { isDeepStrictEqual } from 'node:util';

/**
 * Nothing is stored, because there is nothing to tell. Throws VersionConflict when the aggregate is not at `expected`,
 * and Misconfigured `aggregate.unannounced-change` when its state has changed nevertheless: a change without an event
 * would leave the version as it was, and the next save would overwrite it unseen.
 */
export function savedWithoutEvents(
  stream: StreamId,
  loaded: LoadedAggregate<unknown>,
  change: { readonly expected: ExpectedVersion; readonly state: unknown },
): Appended {
  refuseOtherVersion(stream, change.expected, loaded.streamVersion);
  if (!isDeepStrictEqual(asStored(change.state), asStored(loaded.state))) {
    throw new Misconfigured(
      'aggregate.unannounced-change',
      `The state of ${streamName(stream)} has changed, but no event says so.`,
      'Record an event for every change of the state.',
    );
  }
  return { streamVersion: loaded.streamVersion, position: 0n, repeated: false };
}

const asStored = (state: unknown): unknown => JSON.parse(JSON.stringify(state));
