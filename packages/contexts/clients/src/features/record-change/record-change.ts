// A change event becomes one event per record, each holding exactly what was sent.
import {
  decideAndAppend,
  DuplicateEvent,
  ExactJson,
  InvalidInput,
  type Appended,
  type CommandContext,
  type CommandHandler,
  type CommandResult,
  type Decision,
  type EventStore,
  type Ids,
  type InputIssue,
  type RecordedEvent,
  type ValidationInfo,
} from '@groundwork/application';
import { Refusal, streamId, streamName, type DomainEvent, type StreamId } from '@groundwork/domain';
import { z } from 'zod';
import { INGEST } from '../../clients.roles.ts';
import { decodeChangeEvent, factOf, type ChangeEvent } from '../../model/change-event.ts';
import {
  needsBackfill,
  recordDecider,
  recordEventType,
  type RecordCommand,
  type RecordEvent,
  type RecordState,
} from '../../model/client-record.ts';
import { ENTITY_REGISTRY } from '../../model/entity-registry.ts';
import { feed, type FeedEvent } from '../../model/feed.ts';
import { WILDCARD_ID } from '../../model/salesforce-id.ts';
import { feedSnapshots, recordSnapshots } from './record-snapshots.ts';

export const RECORD_CHANGE = 'clients.record-change';

export interface RecordChangeRules {
  readonly unmappedEntity: 'keep' | 'reject';
  /** The version of the mapping in use when the fact was stored. */
  readonly mappingVersion: number;
}

/** What became of one record of the event. */
export type RecordOutcome =
  | {
      readonly id: string;
      readonly event: string;
      readonly streamVersion: number;
      readonly position: string;
      readonly repeated: boolean;
    }
  | { readonly id: string; readonly refused: { readonly code: string; readonly message: string } };

// Each record keeps the whole text of its event: one body of 1 MB must not become gigabytes, while the most records
// that an event may name fit with some 20 KB of fields.
const STORED_BYTES_MAX = 128 * 1024 * 1024;

/** The change event that was sent as `text`; throws InvalidInput (`salesforce.…`) whose issues point into it. */
export function changeEventOf(sent: unknown, text: string): ChangeEvent {
  const change = decodedChangeEvent(sent);
  if (change.recordIds.length * Buffer.byteLength(text) > STORED_BYTES_MAX) throw tooManyRecords(change.recordIds);
  return change;
}

function decodedChangeEvent(sent: unknown): ChangeEvent {
  try {
    return decodeChangeEvent(sent);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new InvalidInput(error.code, error.message, error.next, error.details['issues'] as readonly InputIssue[]);
  }
}

/** The streams that a change event writes: it runs behind everything that was accepted before for any of them. */
export const orderKeysOf = (change: ChangeEvent): readonly string[] => [
  ...new Set(change.recordIds.map((id) => streamName(streamOf(change, id)))),
];

/**
 * The command behind `POST /v1/events/salesforce`. Every record is tried, whatever becomes of the others; when one is
 * refused the command fails with the code of the refusal and `details.records` tells of each. Running it again, or
 * delivering the fact again in either wire form, stores nothing new and gives the first result.
 */
export const recordChange = (events: EventStore, ids: Ids, rules: RecordChangeRules): CommandHandler<unknown> => ({
  type: RECORD_CHANGE,
  permission: INGEST,
  schema: z.unknown(),
  async handle(payload, context, payloadText) {
    const change = changeEventOf(payload, payloadText);
    if (rules.unmappedEntity === 'reject' && !ENTITY_REGISTRY.has(change.entity)) throw unmapped(change.entity);
    const outcomes: RecordOutcome[] = [];
    for (const id of change.recordIds) {
      outcomes.push(await outcomeOf(id, () => recordOne({ events, ids, rules, change, context, payloadText }, id)));
    }
    return resultOf(outcomes);
  },
});

interface Recording {
  readonly events: EventStore;
  readonly ids: Ids;
  readonly rules: RecordChangeRules;
  readonly change: ChangeEvent;
  readonly context: CommandContext;
  readonly payloadText: string;
}

type Recorded = Appended & { readonly event: string };

function recordOne(recording: Recording, id: string): Promise<Recorded> {
  const { change } = recording;
  const entity = ENTITY_REGISTRY.get(change.entity);
  const { kind } = change;
  if (isOverflow(change, id) || kind === 'GAP_OVERFLOW') return keep(recording, id, 'FeedOverflowed');
  if (entity === undefined) return keep(recording, id, 'RecordChanged');
  return append<RecordCommand, RecordState, RecordEvent>(recording, id, {
    event: recordEventType(entity.noun, kind),
    decider: recordDecider(entity.noun),
    snapshots: recordSnapshots,
    command: { type: 'record-change', kind },
    isBackfillNeeded: (state) => needsBackfill(kind, state) || change.partial.size > 0,
  });
}

const keep = (recording: Recording, id: string, event: FeedEvent['type']): Promise<Recorded> =>
  append<FeedEvent['type'], null, FeedEvent>(recording, id, {
    event,
    decider: feed,
    snapshots: feedSnapshots,
    command: event,
    isBackfillNeeded: () => event === 'FeedOverflowed',
  });

interface Fact<Command, State, Event extends DomainEvent> extends Pick<
  Decision<Command, State, Event>,
  'decider' | 'command' | 'snapshots'
> {
  readonly event: Event['type'];
  readonly isBackfillNeeded: (state: State) => boolean;
}

async function append<Command, State, Event extends DomainEvent>(
  { events, ids, rules, change, context, payloadText }: Recording,
  id: string,
  { event, decider, command, snapshots, isBackfillNeeded }: Fact<Command, State, Event>,
): Promise<Recorded> {
  const factId = ids.derive(change.commitTimestampMs, context.tenant, ...factOf(change, id));
  const decision: Decision<Command, State, Event> = {
    decider,
    stream: streamOf(change, id),
    command,
    snapshots,
    factId,
    // The rules look at types only; the payloads of a long stream need not be parsed.
    read: (recorded: RecordedEvent) => ({ type: recorded.type, data: null }) as Event,
    write: (_, state) => ({
      id: factId,
      source: 'salesforce',
      occurredAt: new Date(change.commitTimestampMs),
      data: new ExactJson(payloadText),
      validation: validationOf(change, isBackfillNeeded(state), rules),
    }),
  };
  try {
    return { ...(await decideAndAppend(events, decision, context)), event };
  } catch (error) {
    // The same fact arrived in the other wire form at the same moment: now the stream holds it.
    if (!(error instanceof DuplicateEvent)) throw error;
    return { ...(await decideAndAppend(events, decision, context)), event };
  }
}

function streamOf(change: ChangeEvent, id: string): StreamId {
  if (isOverflow(change, id)) return streamId('feed', change.entity);
  const entity = ENTITY_REGISTRY.get(change.entity);
  return entity === undefined ? streamId('record', `${change.entity}:${id}`) : streamId(entity.streamType, id);
}

const isOverflow = (change: ChangeEvent, id: string): boolean => change.kind === 'GAP_OVERFLOW' || id === WILDCARD_ID;

function validationOf(change: ChangeEvent, isBackfillNeeded: boolean, rules: RecordChangeRules): ValidationInfo {
  const passedUnless = (rule: string, note: string | undefined) =>
    note === undefined ? ({ rule, outcome: 'passed' } as const) : ({ rule, outcome: 'noted', note } as const);
  return {
    rules: [
      { rule: 'envelope-readable', outcome: 'passed' },
      passedUnless(
        'entity-registered',
        ENTITY_REGISTRY.has(change.entity) ? undefined : `${change.entity} is kept raw.`,
      ),
      passedUnless('record-complete', isBackfillNeeded ? 'The record has to be fetched from Salesforce.' : undefined),
    ],
    mappingVersion: rules.mappingVersion,
    ...(isBackfillNeeded ? { backfill: 'marked' as const } : {}),
  };
}

async function outcomeOf(id: string, record: () => Promise<Recorded>): Promise<RecordOutcome> {
  try {
    const { event, streamVersion, position, repeated } = await record();
    return { id, event, streamVersion, position: String(position), repeated };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { id, refused: { code: error.code, message: error.message } };
  }
}

function resultOf(records: readonly RecordOutcome[]): CommandResult {
  const stored = records.flatMap((outcome) => ('position' in outcome ? [BigInt(outcome.position)] : []));
  const refused = records.flatMap((outcome) => ('refused' in outcome ? [outcome.refused] : []));
  if (refused.length > 0) {
    throw new Refusal(
      refused[0]!.code,
      refused.length === records.length
        ? refused[0]!.message
        : `${refused.length} of ${records.length} records were refused: ${refused[0]!.message}`,
      'The records that were not refused are stored. Correct the cause, then retry the command.',
      { records },
    );
  }
  const position = stored.reduce((highest, one) => (one > highest ? one : highest), 0n);
  return { records, position: String(position) };
}

const tooManyRecords = ({ length }: readonly string[]): InvalidInput =>
  new InvalidInput(
    'salesforce.too-many-records',
    `The event is stored with each of its ${length} records, and would take more than 128 MB.`,
    'Send it for fewer records at a time.',
  );

const unmapped = (entity: string): Refusal =>
  new Refusal(
    'salesforce.unmapped-entity',
    `Nothing here stands for the Salesforce object ${entity}.`,
    'Leave the object out of the feed, or set GW_CLIENTS_UNMAPPED_ENTITY=keep and retry the command.',
  );
