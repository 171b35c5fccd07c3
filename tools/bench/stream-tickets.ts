// Which stream each client writes next and at which version, and whether the database agrees afterwards.
import type { Request } from './closed-loop.ts';

const APPENDS_PER_STREAM = 10;

export class StreamTickets {
  readonly #acknowledged = new Map<string, number>();
  readonly #current = new Map<number, { stream: string; version: number }>();
  #streams = 0;

  /** A request for the closed loop: every client has its own stream, and a new one after ten appends. */
  request(append: (stream: string, expectedVersion: number) => Promise<void>): Request {
    return async (client) => {
      let ticket = this.#current.get(client);
      if (ticket === undefined || ticket.version === APPENDS_PER_STREAM) {
        ticket = { stream: `stream-${++this.#streams}`, version: 0 };
        this.#current.set(client, ticket);
      }
      await append(ticket.stream, ticket.version);
      ticket.version++;
      this.#acknowledged.set(ticket.stream, ticket.version);
    };
  }

  /** Throws when an acknowledged append is missing, something else is there, or versions have a gap. */
  verify(name: string, stored: ReadonlyMap<string, { readonly count: number; readonly version: number }>): void {
    const fault = (what: string): Error => new Error(`The figures of ${name} count for nothing: ${what}.`);
    if (stored.size !== this.#acknowledged.size) {
      throw fault(`${stored.size} streams are stored, ${this.#acknowledged.size} were acknowledged`);
    }
    for (const [stream, acknowledged] of this.#acknowledged) {
      const found = stored.get(stream) ?? { count: 0, version: 0 };
      if (found.count === acknowledged && found.version === acknowledged) continue;
      throw fault(`${stream} has ${found.count} events up to version ${found.version}, not ${acknowledged}`);
    }
  }
}
