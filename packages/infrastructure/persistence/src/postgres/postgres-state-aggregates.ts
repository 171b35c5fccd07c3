// Aggregates whose state is the truth: the row and its announced events in one transaction.
import { streamId, type DomainEvent, type TenantId } from '@groundwork/domain';
import {
  eventOfCommand,
  type AggregateChange,
  type AggregateStore,
  type Append,
  type Appended,
  type CommandContext,
  type EventTypes,
  type LoadedAggregate,
} from '@groundwork/application';
import { appendWithState } from './append-statement.ts';
import type { Database } from './database.ts';
import type { InlineProjections } from './inline-rows.ts';
import { appendedOrThrown, prepareAppend } from './postgres-event-store.ts';
import type { Signals } from './signals.ts';
import { savedWithoutEvents } from '../unannounced-change.ts';

export interface StateAggregateType<State> {
  /** The stream type, such as `building`. */
  readonly type: string;
  readonly initialState: State;
}

export class PostgresStateAggregates<State, Event extends DomainEvent> implements AggregateStore<State, Event> {
  readonly #database: Database;
  readonly #types: EventTypes;
  readonly #signals: Signals;
  readonly #aggregate: StateAggregateType<State>;
  readonly #inline: InlineProjections | undefined;

  constructor(
    database: Database,
    types: EventTypes,
    signals: Signals,
    aggregate: StateAggregateType<State>,
    inline?: InlineProjections,
  ) {
    this.#inline = inline;
    this.#database = database;
    this.#types = types;
    this.#signals = signals;
    this.#aggregate = aggregate;
  }

  async load(tenant: TenantId, id: string): Promise<LoadedAggregate<State>> {
    const [row] = await this.#database.transaction(tenant, ({ query }) =>
      query<{ state: State; stream_version: number }>({
        name: 'load_aggregate_state',
        text: 'select state, stream_version from groundwork.aggregate_state where tenant = $1 and type = $2 and id = $3',
        values: [tenant, this.#aggregate.type, id],
      }),
    );
    return row === undefined
      ? { state: this.#aggregate.initialState, streamVersion: 0 }
      : { state: row.state, streamVersion: row.stream_version };
  }

  async save(
    tenant: TenantId,
    id: string,
    change: AggregateChange<State, Event>,
    context: CommandContext,
  ): Promise<Appended> {
    const stream = streamId(this.#aggregate.type, id);
    if (change.events.length === 0) return savedWithoutEvents(stream, await this.load(tenant, id), change);
    const append: Append = {
      tenant,
      stream,
      expected: change.expected,
      events: change.events.map((event, index) => eventOfCommand(event, index, context)),
    };
    const prepared = prepareAppend(append, this.#types);
    const state = JSON.stringify(change.state);
    const verdict = await (this.#inline?.append(this.#database, prepared, (query, placed) =>
      appendWithState(query, placed.append, state),
    ) ?? appendWithState((statement) => this.#database.query(statement), prepared, state));
    const appended = appendedOrThrown(append, verdict);
    if (!appended.repeated) this.#signals.announce('log', appended.position);
    return appended;
  }
}
