// A server that speaks what Supabase Realtime speaks: Phoenix channels over a WebSocket, serializer version 2.0.0.
import type { ChangeChannel } from '@groundwork/application';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

type Message = [joinRef: string | null, ref: string | null, topic: string, event: string, payload: unknown];

interface Filter {
  readonly event: string;
  readonly schema: string;
  readonly table: string;
  readonly select?: readonly string[];
}

interface Joined {
  readonly socket: WebSocket;
  readonly topic: string;
  readonly joinRef: string | null;
  readonly filters: readonly (Filter & { readonly id: number })[];
}

const TABLES: Readonly<Record<ChangeChannel, string>> = { log: 'event', commands: 'command' };

/** Tells whoever has joined of an insert into a table, as `tell` is called. */
export class FakeRealtime implements AsyncDisposable {
  readonly url: string;
  /** What clients have asked for, and with which key. */
  readonly joins: { readonly key: string | null; readonly filters: readonly Filter[] }[] = [];
  readonly told: unknown[] = [];
  readonly #server: WebSocketServer;
  #joined: Joined[] = [];

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket, { url }) => this.#serve(socket, new URL(url!, 'http://localhost').searchParams));
  }

  static async start(): Promise<FakeRealtime> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/realtime/v1/websocket' });
    await once(server, 'listening');
    return new FakeRealtime(server);
  }

  tell(channel: ChangeChannel, record: Readonly<Record<string, unknown>>): void {
    const table = TABLES[channel];
    for (const { socket, topic, joinRef, filters } of this.#joined) {
      const matching = filters.filter((filter) => filter.table === table);
      if (matching.length === 0) continue;
      const kept = matching[0]!.select?.map((column) => [column, record[column]]);
      const data = {
        type: 'INSERT',
        schema: 'groundwork',
        table,
        commit_timestamp: new Date().toISOString(),
        columns: [],
        record: kept === undefined ? record : Object.fromEntries(kept),
        errors: null,
      };
      this.told.push(data.record);
      send(socket, [joinRef, null, topic, 'postgres_changes', { ids: matching.map(({ id }) => id), data }]);
    }
  }

  /** Every connection ends, as at a deployment of the service. */
  hangUp(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: WebSocket, parameters: URLSearchParams): void {
    socket.on('close', () => (this.#joined = this.#joined.filter((joined) => joined.socket !== socket)));
    socket.on('message', (text) => {
      const [joinRef, ref, topic, event, payload] = JSON.parse(String(text)) as Message;
      const reply = (response: unknown): void =>
        send(socket, [joinRef, ref, topic, 'phx_reply', { status: 'ok', response }]);
      if (event !== 'phx_join') return reply({});
      const { config } = payload as { config: { postgres_changes: readonly Filter[] } };
      const filters = config.postgres_changes.map((filter, at) => ({ ...filter, id: at + 1 }));
      this.joins.push({ key: parameters.get('apikey'), filters: config.postgres_changes });
      reply({ postgres_changes: filters });
      this.#joined.push({ socket, topic, joinRef, filters });
    });
  }
}

const send = (socket: WebSocket, message: Message): void => socket.send(JSON.stringify(message));
