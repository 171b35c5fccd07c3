// The log in memory: the twin of the PostgreSQL event store, under the same contract.
import {
  DuplicateEvent,
  prepareEvents,
  loggedEvent,
  refuseMalformedExpectation,
  refuseOtherVersion,
  type Append,
  type Appended,
  type Clock,
  type EventLog,
  type EventQuery,
  type EventStore,
  type EventTypes,
  type FromSnapshot,
  type LogHead,
  type LogPage,
  type LogRead,
  type LogSignal,
  type PreparedEvent,
  type LoggedEvent,
  type SchemaVersions,
  type StoredEvent,
  type StreamKey,
  type StreamRange,
  type StreamSnapshot,
  type TenantBacklog,
} from '@groundwork/application';
import { streamName, type StreamId, type TenantId } from '@groundwork/domain';
import { isInRange } from '../stream-range.ts';
import type { MemoryInlineRows } from './memory-inline-rows.ts';
import { WakeUp } from './wake-up.ts';

/** What is stored, apart from the program that reads it: several stores may share one log. */
export class MemoryLog {
  readonly events: StoredEvent[] = [];
  readonly byStream = new Map<string, StoredEvent[]>();
  readonly byId = new Map<string, StoredEvent>();
  readonly snapshots = new Map<string, StreamSnapshot>();
  readonly growth = new WakeUp();
}

/** Keeps events as long as the process lives. Not for production: nothing survives the end of the process. */
export class MemoryEventStore implements EventStore, EventLog, LogSignal {
  readonly #types: EventTypes;
  readonly #clock: Clock;
  readonly #log: MemoryLog;
  readonly #inline: MemoryInlineRows | undefined;

  /** `inline` takes the rows that are stored with an append. */
  constructor(types: EventTypes, clock: Clock, log: MemoryLog = new MemoryLog(), inline?: MemoryInlineRows) {
    this.#inline = inline;
    this.#types = types;
    this.#clock = clock;
    this.#log = log;
  }

  // Nothing is awaited between the look at the stream and the storing: that is the transaction.
  async append(append: Append): Promise<Appended> {
    refuseMalformedExpectation(append);
    const { tenant, stream, expected, events, snapshot } = append;
    const prepared = prepareEvents(events, this.#types);
    const key = keyOf({ tenant, ...stream });
    const repeated = this.#firstResult(tenant, key, prepared);
    if (repeated !== undefined) return repeated;
    const before = this.#log.byStream.get(key) ?? [];
    refuseOtherVersion(stream, expected, before.length);
    const stored = prepared.map((event, index) =>
      this.#stored(event, tenant, stream, before.length + 1 + index, index),
    );
    this.#inline?.store(tenant, before, stored, this.#types);
    this.#log.byStream.set(key, [...before, ...stored]);
    this.#log.events.push(...stored);
    for (const event of stored) this.#log.byId.set(`${tenant}/${event.id}`, event);
    this.#log.growth.ring();
    const { streamVersion, position } = stored.at(-1)!;
    if (snapshot !== undefined) this.#log.snapshots.set(key, { ...snapshot, streamVersion, position });
    return { streamVersion, position, repeated: false };
  }

  async readFromSnapshot(tenant: TenantId, stream: StreamId, { from, to }: SchemaVersions): Promise<FromSnapshot> {
    const key = keyOf({ tenant, ...stream });
    const kept = this.#log.snapshots.get(key);
    const last = this.#log.byStream.get(key)?.[(kept?.streamVersion ?? 0) - 1];
    const isUsable =
      kept !== undefined && kept.schemaVersion >= from && kept.schemaVersion <= to && last?.position === kept.position;
    const snapshot = isUsable ? kept : undefined;
    return { snapshot, later: this.readStream(tenant, stream, { fromVersion: (snapshot?.streamVersion ?? 0) + 1 }) };
  }

  async *readStream(tenant: TenantId, stream: StreamId, range: StreamRange = {}): AsyncGenerator<LoggedEvent> {
    let left = range.limit ?? Infinity;
    for (const event of this.#log.byStream.get(keyOf({ tenant, ...stream })) ?? []) {
      if (left <= 0) return;
      if (!isInRange(event, range)) continue;
      left--;
      yield loggedEvent(event, this.#types);
    }
  }

  async query(tenant: TenantId, query: EventQuery): Promise<readonly LoggedEvent[]> {
    return this.#page(
      query.after,
      query.limit,
      (event) =>
        event.tenant === tenant &&
        (query.type === undefined || event.type === query.type) &&
        (query.source === undefined || event.source === query.source) &&
        (query.stream === undefined || streamName(event.stream) === streamName(query.stream)) &&
        (query.correlationId === undefined || correlationOf(event) === query.correlationId),
    );
  }

  async read({ after, limit, upTo, types, slices = { of: [0], count: 1 } }: LogRead): Promise<LogPage> {
    const wanted = new Set(this.#types.storedAs(types));
    const sliceOf = ({ tenant, stream }: Pick<LoggedEvent, 'tenant' | 'stream'>): number =>
      sliceOfStream({ tenant, ...stream }, slices.count);
    const head = BigInt(this.#log.events.length);
    const end = upTo === undefined || upTo > head ? head : upTo;
    const isWanted = (event: StoredEvent): boolean => wanted.has(event.type) && slices.of.includes(sliceOf(event));
    const events = this.#page(after, limit, isWanted, end);
    const page = { events, ...(slices.of.length > 1 && { bySlice: Map.groupBy(events, sliceOf) }) };
    if (events.length === limit) return { ...page, readTo: events.at(-1)!.position, isLast: false };
    return { ...page, readTo: end > after ? end : after, isLast: end === head };
  }

  async readStreamRange(
    stream: StreamKey,
    after: bigint,
    upTo: bigint,
    limit: number,
  ): Promise<readonly LoggedEvent[]> {
    return (this.#log.byStream.get(keyOf(stream)) ?? [])
      .filter((event) => event.position > after && event.position <= upTo)
      .slice(0, limit)
      .map((event) => loggedEvent(event, this.#types));
  }

  async head(): Promise<LogHead> {
    const last = this.#log.events.at(-1);
    return { position: last?.position ?? 0n, recordedAt: last?.recordedAt };
  }

  waitForGrowth(timeoutMs: number, stop?: AbortSignal): Promise<void> {
    return this.#log.growth.wait(timeoutMs, stop);
  }

  async oldestAfter(position: bigint, types: readonly string[]): Promise<Date | undefined> {
    const wanted = this.#types.storedAs(types);
    return this.#page(position, 1, ({ type }) => wanted.includes(type))[0]?.recordedAt;
  }

  async backlogOf(tenant: TenantId, position: bigint, types: readonly string[]): Promise<TenantBacklog> {
    const behind = this.#page(position, Infinity, (event) => event.tenant === tenant);
    const wanted = this.#types.storedAs(types);
    return { events: behind.length, oldestAt: behind.find(({ type }) => wanted.includes(type))?.recordedAt };
  }

  /** The answer to an append whose events are all stored already; throws DuplicateEvent when one differs. */
  #firstResult(tenant: TenantId, key: string, prepared: readonly PreparedEvent[]): Appended | undefined {
    const known = prepared.map(({ event }) => this.#log.byId.get(`${tenant}/${event.id}`));
    const isNew = known.every((stored) => stored === undefined);
    if (isNew && new Set(prepared.map(({ event }) => event.id)).size === prepared.length) return undefined;
    for (const [index, { event, dataText }] of prepared.entries()) {
      const stored = known[index];
      const isSame =
        stored !== undefined &&
        keyOf({ tenant: stored.tenant, ...stored.stream }) === key &&
        stored.type === event.type &&
        stored.dataText === dataText;
      if (!isSame) throw new DuplicateEvent(prepared.find((_, at) => known[at] !== undefined)?.event.id ?? event.id);
    }
    const last = known.at(-1)!;
    return { streamVersion: last.streamVersion, position: last.position, repeated: true };
  }

  #stored(
    prepared: PreparedEvent,
    tenant: TenantId,
    stream: StreamId,
    streamVersion: number,
    index: number,
  ): StoredEvent {
    const { event, schemaVersion, dataText, metadataText, validationText } = prepared;
    return {
      position: BigInt(this.#log.events.length + 1 + index),
      tenant,
      stream: { type: stream.type, id: stream.id },
      streamVersion,
      id: event.id,
      type: event.type,
      schemaVersion,
      source: event.source,
      occurredAt: new Date(event.occurredAt),
      recordedAt: this.#clock.now(),
      metadataText,
      validationText,
      dataText,
    };
  }

  #page(
    after: bigint,
    limit: number,
    matches: (event: StoredEvent) => boolean,
    upTo = BigInt(this.#log.events.length),
  ): LoggedEvent[] {
    const page: LoggedEvent[] = [];
    // Positions have no gaps: the event at position n stands at index n - 1.
    for (let index = Number(after); index < Number(upTo) && page.length < limit; index++) {
      const event = this.#log.events[index]!;
      if (matches(event)) page.push(loggedEvent(event, this.#types));
    }
    return page;
  }
}

const correlationOf = ({ metadataText }: StoredEvent): string =>
  (JSON.parse(metadataText) as LoggedEvent['metadata']).correlationId;

const keyOf = ({ tenant, type, id }: StreamKey): string => `${tenant}/${type}/${id}`;

/** In which of so many slices a stream is. */
export const sliceOfStream = (stream: StreamKey, slices: number): number => hashOf(keyOf(stream)) % slices;

/** FNV-1a: spreads streams over slices, the same in every process. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
