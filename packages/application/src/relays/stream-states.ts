// The states of streams that decide what is told of their next events.
import type { LoggedEvent, RecordedEvent } from '../events/event.ts';
import type { EventLog, StreamKey } from '../ports/event-log.ts';
import { isHung, type HandlerCalls } from '../projections/handler-calls.ts';
import { PROJECTION_RUNNER_DEFAULTS } from '../projections/projection-runner-settings.ts';
import type { Publication } from './publication.ts';

/** So many streams are remembered; the state of any other is folded from its events again. */
const STREAMS_MAX = 5_000;
const PAGE_SIZE = 500;
const { attemptsMax: ATTEMPTS_MAX } = PROJECTION_RUNNER_DEFAULTS;

interface KnownState {
  readonly streamVersion: number;
  readonly state: unknown;
}

/** A memory only: what it has forgotten, or never knew, is read from the log. */
export class StreamStates {
  readonly #publication: Publication;
  readonly #log: Pick<EventLog, 'readStreamRange'>;
  /** Those used last are at the end. */
  readonly #known = new Map<string, KnownState>();

  constructor(publication: Publication, log: Pick<EventLog, 'readStreamRange'>) {
    this.#publication = publication;
    this.#log = log;
  }

  /**
   * The state right before the event. An earlier event that cannot be folded leaves it as it was: the stream has passed
   * it, so that it was discarded.
   */
  async before(event: LoggedEvent, handlers: HandlerCalls): Promise<unknown> {
    const known = this.#known.get(streamName(event));
    if (known?.streamVersion === event.streamVersion - 1) return known.state;
    let state = this.#publication.state?.initial;
    if (this.#publication.state === undefined || event.streamVersion === 1) return state;
    const stream: StreamKey = { tenant: event.tenant, type: event.stream.type, id: event.stream.id };
    for (let after = 0n; ;) {
      const page = await this.#log.readStreamRange(stream, after, event.position - 1n, PAGE_SIZE);
      const last = page.at(-1);
      if (last === undefined) return state;
      state = this.#folded(page, state, handlers);
      after = last.position;
    }
  }

  #folded(page: readonly LoggedEvent[], before: unknown, handlers: HandlerCalls): unknown {
    let state = before;
    let hungCount = 0;
    for (let left = page; left.length > 0;) {
      let hungAt: number | undefined;
      handlers.each(
        left,
        (earlier) => (state = this.#after(state, earlier)),
        (earlier, error) => {
          if (isHung(error)) hungAt = left.indexOf(earlier);
        },
      );
      if (hungAt === undefined) return state;
      // It may be the page that took too long: alone, it is tried as often as a worker would.
      hungCount = hungAt === 0 ? hungCount + 1 : 1;
      const isGivenUp = hungCount >= ATTEMPTS_MAX;
      left = left.slice(isGivenUp ? hungAt + 1 : hungAt);
      if (isGivenUp) hungCount = 0;
    }
    return state;
  }

  /** The state behind all parts of the event. */
  #after(before: unknown, event: LoggedEvent): unknown {
    return event.partsOf(this.#publication.eventTypes).reduce((state, part) => this.evolved(state, part), before);
  }

  evolved(before: unknown, part: RecordedEvent): unknown {
    const { state } = this.#publication;
    return state === undefined ? before : state.evolve(before, part);
  }

  remember(event: LoggedEvent, state: unknown): void {
    if (this.#publication.state === undefined) return;
    const name = streamName(event);
    this.#known.delete(name);
    this.#known.set(name, { streamVersion: event.streamVersion, state });
    if (this.#known.size > STREAMS_MAX) this.#known.delete(this.#known.keys().next().value!);
  }
}

/** Names a stream among those of all tenants. */
export const streamName = ({ tenant, stream }: Pick<LoggedEvent, 'tenant' | 'stream'>): string =>
  `${tenant}/${stream.type}/${stream.id}`;
