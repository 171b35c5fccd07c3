// A batch of events is told to a destination: sent, confirmed, and only then behind the checkpoint.
import { CodedError } from '@groundwork/domain';
import { told } from '../commands/command-error.ts';
import { Misconfigured, Refused, Unavailable } from '../errors.ts';
import type { LoggedEvent, RecordedEvent } from '../events/event.ts';
import { messageId, type OutgoingMessage, type UnsentMessage } from '../ports/message-destination.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { ProjectionStore, Slice } from '../ports/projection-store.ts';
import { failedAttempt, type Fault } from '../projections/event-faults.ts';
import { finishResumed, parkedBy, type Batch, type RetryPolicy } from '../projections/projection-batch.ts';
import { contextOf } from './message-names.ts';
import type { Announcement } from './publication.ts';
import type { Relay } from './relay.ts';
import { streamName, StreamStates } from './stream-states.ts';

export type RelayBatch = Omit<Batch, 'projection' | 'ids'>;

/** A message and the event behind it. */
interface Telling {
  readonly event: LoggedEvent;
  readonly message: OutgoingMessage;
}

/** What is to be sent of a batch, and what of it cannot be told. */
interface Told {
  readonly tellings: readonly Telling[];
  readonly poisoned: readonly Fault[];
  readonly faults: readonly Fault[];
  /** The last event of each stream, and the state behind it. */
  readonly states: ReadonlyMap<string, { readonly event: LoggedEvent; readonly state: unknown }>;
}

export class RelayEffect {
  readonly #relay: Relay;
  readonly #store: ProjectionStore;
  readonly #states: StreamStates;
  /** What was confirmed of the batch that a slice could not end: it is not sent twice by the same process. */
  readonly #confirmed = new Map<number, { readonly epoch: number; readonly messageIds: Set<string> }>();

  constructor(relay: Relay, { store, log }: { readonly store: ProjectionStore; readonly log: EventLog }) {
    this.#relay = relay;
    this.#store = store;
    this.#states = new StreamStates(relay.publication, log);
  }

  /**
   * Sends what is told of the batch and moves the checkpoint behind it. A message that is refused for good,
   * and an event that cannot be told, parks its stream; all others are confirmed. Whatever passes by itself is thrown:
   * the checkpoint stands, and what is not confirmed is sent again.
   */
  async take(batch: RelayBatch, retry: RetryPolicy): Promise<Slice> {
    const poisoned: Fault[] = [];
    if (batch.events.length > 0) {
      const told = await this.#told(batch, await this.#halted(batch), retry);
      poisoned.push(...told.poisoned, ...(await this.#send(told.tellings, batch.slice)));
      for (const { event, state } of told.states.values()) this.#states.remember(event, state);
    }
    const moved = await this.#store.advance(this.#relay, batch.slice, batch.to, async (tx) => {
      for (const fault of poisoned) await tx.park(parkedBy(fault, batch));
      // A destination may be away before the next part: the decision holds for all that waits. What was to be left out
      // is behind it by now.
      if (poisoned.length === 0) await finishResumed(tx, batch, 'retry');
    });
    this.#confirmed.delete(batch.slice.slice);
    for (const fault of poisoned) retry.onPark(parkedBy(fault, batch), fault.error);
    return moved;
  }

  /** The streams of the slice that wait; also the proof, before anything is sent, that the slice is still ours. */
  async #halted({ slice, resumed }: RelayBatch): Promise<ReadonlySet<string>> {
    const halted = new Set<string>();
    await this.#store.advance(this.#relay, slice, slice.position, async (tx) => {
      for (const { id, stream } of await tx.parked()) {
        if (id !== resumed?.id) halted.add(`${stream.tenant}/${stream.type}/${stream.id}`);
      }
    });
    return halted;
  }

  async #told(batch: RelayBatch, halted: ReadonlySet<string>, retry: RetryPolicy): Promise<Told> {
    const before = await this.#statesBefore(batch, halted);
    const attempts = new Map<string, number>();
    const poison = new Map<string, Fault>(batch.condemned && [[batch.condemned.event.id, batch.condemned]]);
    for (let round = 0; ; round++) {
      const told = this.#announced(batch, { before, halted: new Set(halted), poison });
      if (told.faults.length === 0) return told;
      await failedAttempt(told.faults, { attempts, poison, round }, retry);
    }
  }

  async #statesBefore(
    { events, handlers }: RelayBatch,
    halted: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, unknown>> {
    const before = new Map<string, unknown>();
    for (const event of events) {
      const stream = streamName(event);
      if (!halted.has(stream) && !before.has(stream)) before.set(stream, await this.#states.before(event, handlers));
    }
    return before;
  }

  #announced(
    { events, handlers }: RelayBatch,
    from: {
      readonly before: ReadonlyMap<string, unknown>;
      readonly halted: Set<string>;
      readonly poison: ReadonlyMap<string, Fault>;
    },
  ): Told {
    const [tellings, poisoned, faults]: [Telling[], Fault[], Fault[]] = [[], [], []];
    const states = new Map<string, { event: LoggedEvent; state: unknown }>();
    handlers.each(
      events,
      (event) => {
        const stream = streamName(event);
        if (from.halted.has(stream)) return;
        const fault = from.poison.get(event.id);
        if (fault !== undefined) {
          from.halted.add(stream);
          poisoned.push(fault);
          return;
        }
        const before = states.has(stream) ? states.get(stream)!.state : from.before.get(stream);
        const { messages, after } = this.#messagesOf(event, before);
        tellings.push(...messages.map((message) => ({ event, message })));
        states.set(stream, { event, state: after });
      },
      (event, error) => {
        from.halted.add(streamName(event));
        faults.push({ event, error, attempts: 0 });
      },
    );
    return { tellings, poisoned, faults, states };
  }

  #messagesOf(event: LoggedEvent, before: unknown): { messages: readonly OutgoingMessage[]; after: unknown } {
    const { publication } = this.#relay;
    const messages: OutgoingMessage[] = [];
    let state = before;
    for (const part of event.partsOf(publication.eventTypes)) {
      const after = this.#states.evolved(state, part);
      for (const announcement of publication.announce(part, state, after)) {
        messages.push(this.#message(part, announcement, messages.length));
      }
      state = after;
    }
    return { messages, after: state };
  }

  #message(event: RecordedEvent, { type, data }: Announcement, index: number): OutgoingMessage {
    const { name, messages } = this.#relay.publication;
    const definition = messages.find((one) => one.type === type);
    if (definition === undefined) throw undeclaredMessage(name, type);
    const { position, tenant, stream, streamVersion, id, source, occurredAt, recordedAt, metadata, validation } = event;
    const asLogged = { position, tenant, stream, streamVersion, id, source, occurredAt, recordedAt };
    const { schemaVersion } = definition;
    const context = contextOf({ name });
    return { ...asLogged, metadata, validation, part: index, context, type, schemaVersion, data };
  }

  /** Resolves when all are confirmed but those of streams that have to be parked, which are returned. */
  async #send(tellings: readonly Telling[], { slice, epoch }: Slice): Promise<readonly Fault[]> {
    const before = this.#confirmed.get(slice);
    const messageIds = before?.epoch === epoch ? before.messageIds : new Set<string>();
    this.#confirmed.set(slice, { epoch, messageIds });
    const refused = new Map<string, Fault>();
    let open = tellings.filter(({ message }) => !messageIds.has(messageId(message)));
    while (open.length > 0) {
      const unsent = await this.#unsentOf(open);
      for (const { message } of open) if (!unsent.has(messageId(message))) messageIds.add(messageId(message));
      const left = open.filter(({ message }) => unsent.has(messageId(message)));
      for (const { event, message } of left) {
        const { isRefused, cause } = unsent.get(messageId(message))!;
        const stream = streamName(event);
        if (isRefused && !refused.has(stream)) refused.set(stream, { event, error: this.#refusal(cause), attempts: 1 });
      }
      const notYet = [...unsent.values()].find(({ isRefused, cause }) => !isRefused && cause !== undefined);
      if (notYet !== undefined) throw this.#notTaken(left.length, notYet.cause);
      open = left.filter(({ event }) => !refused.has(streamName(event)));
    }
    return [...refused.values()];
  }

  async #unsentOf(tellings: readonly Telling[]): Promise<ReadonlyMap<string, UnsentMessage>> {
    const { destination } = this.#relay;
    try {
      const unsent = await destination.send(tellings.map(({ message }) => message));
      const isMoving = unsent.length < tellings.length || unsent.some(({ cause }) => cause !== undefined);
      if (isMoving) return new Map(unsent.map((one) => [one.messageId, one]));
    } catch (error) {
      throw this.#notTaken(tellings.length, error);
    }
    throw this.#notTaken(tellings.length, undefined);
  }

  #refusal(cause: unknown): Refused {
    const { name } = this.#relay.destination;
    const { code, message } = told(cause, 'relay.refused');
    return new Refused(
      'relay.message-refused',
      `${name} refuses the message for good: ${message}`,
      'Remove the cause and retry the dead letter, or discard the message: the stream waits behind it.',
      { destination: name, cause: code },
      { cause },
    );
  }

  #notTaken(count: number, cause: unknown): Unavailable {
    const { name } = this.#relay.destination;
    const why = cause instanceof CodedError || cause instanceof Error ? cause.message : 'it did not say why';
    return new Unavailable(
      'relay.not-taken',
      `${name} has not taken ${count} messages yet: ${why}`,
      'Nothing needs to be done when it comes back: what it has not confirmed is sent again.',
      1,
      { cause },
    );
  }
}

const undeclaredMessage = (publication: string, type: string): Misconfigured =>
  new Misconfigured(
    'publication.undeclared-message',
    `${publication} tells ${type}, which is not among its messages.`,
    'Declare the message with its schema, then retry the dead letter.',
    { publication, type },
  );
