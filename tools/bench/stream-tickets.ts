// Which stream each client writes next and at which version, and whether the database agrees afterwards.
import { randomBytes } from 'node:crypto';
import type { Request } from './closed-loop.ts';
import type { StoredStreams } from './suite.ts';

const APPENDS_PER_STREAM = 10;

export class StreamTickets {
  /** Whoever else writes names other streams. */
  readonly #writer = randomBytes(4).toString('hex');
  readonly #acknowledged = new Map<string, number>();
  readonly #current = new Map<number, { stream: string; version: number; appends: number }>();

  /** A request for the closed loop: every client has its own stream, and a new one after ten appends. */
  request(append: (stream: string, expectedVersion: number) => Promise<void>, eventsPerAppend = 1): Request {
    return async (client) => {
      let ticket = this.#current.get(client);
      if (ticket === undefined || ticket.appends === APPENDS_PER_STREAM) {
        ticket = { stream: this.#newStream(), version: 0, appends: 0 };
        this.#current.set(client, ticket);
        this.#acknowledged.set(ticket.stream, 0);
      }
      await append(ticket.stream, ticket.version);
      ticket.appends++;
      ticket.version += eventsPerAppend;
      this.#acknowledged.set(ticket.stream, ticket.version);
    };
  }

  /** The version of each stream after its last acknowledged append. */
  get acknowledged(): ReadonlyMap<string, number> {
    return this.#acknowledged;
  }

  #newStream(): string {
    return `${this.#writer}-0000-4000-8000-${(this.#acknowledged.size + 1).toString(16).padStart(12, '0')}`;
  }
}

/** Throws when an acknowledged append is missing, something else is there, or versions have a gap. */
export function verifyStored(name: string, acknowledged: ReadonlyMap<string, number>, stored: StoredStreams): void {
  const fault = (what: string): Error => new Error(`The figures of ${name} count for nothing: ${what}.`);
  if (stored.size !== acknowledged.size) {
    throw fault(`${stored.size} streams are stored, ${acknowledged.size} were acknowledged`);
  }
  for (const [stream, version] of acknowledged) {
    const found = stored.get(stream) ?? { count: 0, version: 0 };
    if (found.count === version && found.version === version) continue;
    throw fault(`${stream} has ${found.count} events up to version ${found.version}, not ${version}`);
  }
}
