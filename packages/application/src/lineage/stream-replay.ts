// What the events of a stream make of all that is built from them: state and rows, one event after the other.
import { told } from '../commands/command-error.ts';
import type { LoggedEvent } from '../events/event.ts';
import type { CommandError } from '../ports/command-store.ts';
import type { TimeLimit } from '../ports/time-limit.ts';
import { differingColumns } from '../projections/differing-columns.ts';
import { handlerHung } from '../projections/handler-calls.ts';
import type { Projection, Row } from '../projections/projection.ts';
import type { StreamModel } from './stream-model.ts';

/** How long the handlers of one event may take, and who ends them. */
export interface HandlerLimit {
  readonly timeLimit: TimeLimit;
  readonly handlerTimeoutMs: number;
}

/** Something that is built from events, after one of them. */
export interface Replayed<Value> {
  /** Undefined for a row that is not there, and a state before it is known. */
  readonly value: Value;
  /** The fields, or columns, that the event has changed. */
  readonly changed: readonly string[];
  /** Why the event could not be applied: it has changed nothing, and the replay goes on behind it. */
  readonly error?: CommandError;
}

export interface ReplayedRow extends Replayed<Row | undefined> {
  readonly projection: string;
  readonly key: string;
}

export interface ReplayStep {
  readonly event: LoggedEvent;
  /** Undefined where no model is known for the type of the stream. */
  readonly state: Replayed<unknown> | undefined;
  /** The rows that the event concerns, changed or not. */
  readonly rows: readonly ReplayedRow[];
}

/** Holds the present state and rows only, however long the stream is. */
export class StreamReplay {
  readonly #model: StreamModel | undefined;
  readonly #projections: readonly { readonly projection: Projection; readonly rows: Map<string, Row> }[];
  readonly #limit: HandlerLimit;
  #state: unknown;

  constructor(model: StreamModel | undefined, projections: readonly Projection[], limit: HandlerLimit) {
    this.#model = model;
    this.#limit = limit;
    this.#state = model?.initialState;
    this.#projections = projections.map((projection) => ({ projection, rows: new Map() }));
  }

  /** Applies the next event of the stream, by the code of today; one that comes to no end is a fault like others. */
  apply(event: LoggedEvent): ReplayStep {
    const { timeLimit, handlerTimeoutMs } = this.#limit;
    const made = timeLimit.run(handlerTimeoutMs, () => ({
      state: this.#stateAfter(event),
      rows: this.#rowsAfter(event),
    }));
    const { state, rows } = made?.value ?? this.#unchanged(told(handlerHung(handlerTimeoutMs), 'replay.failed'));
    this.#state = state?.value;
    for (const { projection, key, value } of rows) {
      const known = this.#projections.find((each) => each.projection.name === projection)!.rows;
      if (value === undefined) known.delete(key);
      else known.set(key, value);
    }
    return { event, state, rows };
  }

  #unchanged(error: CommandError): Pick<ReplayStep, 'state' | 'rows'> {
    const state = this.#model && { value: this.#state, changed: [], error };
    const rows = this.#projections.flatMap(({ projection: { name: projection }, rows: known }) =>
      [...known].map(([key, value]) => ({ projection, key, value, changed: [], error })),
    );
    return { state, rows };
  }

  /** Every row that is there behind the step, the ones it does not concern included. */
  rowsBehind(step: ReplayStep): readonly ReplayedRow[] {
    const others = this.#projections.flatMap(({ projection, rows }) =>
      [...rows].map(([key, value]) => ({ projection: projection.name, key, value, changed: [] })),
    );
    const isConcerned = (row: ReplayedRow): boolean =>
      step.rows.some(({ projection, key }) => projection === row.projection && key === row.key);
    return [...step.rows, ...others.filter((row) => !isConcerned(row))];
  }

  #stateAfter(event: LoggedEvent): Replayed<unknown> | undefined {
    const model = this.#model;
    if (model === undefined) return undefined;
    const before = this.#state;
    const attempt = attempted(() => event.parts.reduce((state, part) => model.evolve(state, part), before), before);
    return { ...attempt, changed: changedFields(before, attempt.value) };
  }

  #rowsAfter(event: LoggedEvent): readonly ReplayedRow[] {
    return this.#projections.flatMap(({ projection, rows }) => {
      const { name: projectionName, eventTypes, table } = projection;
      const { value: parts, error } = attempted(() => event.partsOf(eventTypes), []);
      // An event that cannot be read may concern every row of its stream.
      const unread = error === undefined ? [] : [...rows].map(([key, value]) => ({ key, value, changed: [], error }));
      const read = [...Map.groupBy(parts, (part) => projection.keyOf(part))].flatMap(([key, ofRow]) => {
        if (key === undefined) return [];
        const before = rows.get(key);
        const attempt = attempted(
          () => ofRow.reduce<Row | undefined>((row, part) => projection.apply(row as never, part), before),
          before,
        );
        return [{ key, ...attempt, changed: differingColumns(table.columns, before, attempt.value) }];
      });
      return [...unread, ...read].map((row) => ({ projection: projectionName, ...row }));
    });
  }
}

function attempted<Value>(work: () => Value, before: Value): { readonly value: Value; readonly error?: CommandError } {
  try {
    return { value: work() };
  } catch (error) {
    return { value: before, error: told(error, 'replay.failed') };
  }
}

/** A state that is no object has one field, `value`. */
function changedFields(before: unknown, after: unknown): readonly string[] {
  const [one, other] = [fieldsOf(before), fieldsOf(after)];
  const names = Object.keys({ ...one, ...other });
  return differingColumns(Object.fromEntries(names.map((name) => [name, 'json' as const])), one, other);
}

const fieldsOf = (state: unknown): Row =>
  typeof state === 'object' && state !== null && !Array.isArray(state) ? (state as Row) : { value: state };
