// Lets running requests finish and nobody start another one, however long a client keeps its connection.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Node's own `close` goes on answering connections that are busy, and waits for those that have sent nothing yet. This
 * one says `Connection: close` with every answer from then on and closes what is idle.
 */
export class Connections {
  readonly #server: Server;
  readonly #runningBySocket = new Map<Socket, Set<ServerResponse>>();
  #closing = false;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#runningBySocket.set(socket, new Set());
      socket.once('close', () => this.#runningBySocket.delete(socket));
    });
    // Before the one that answers, or the answer may be on its way already.
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      const running = this.#runningBySocket.get(socket);
      running?.add(response);
      if (this.#closing) response.setHeader('connection', 'close');
      response.once('close', () => {
        running?.delete(response);
        if (this.#closing && running?.size === 0) socket.end();
      });
    });
  }

  /** Resolves when all connections are closed; after `graceMs` those that are left are cut. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [socket, running] of this.#runningBySocket) {
      for (const response of running) if (!response.headersSent) response.setHeader('connection', 'close');
      if (running.size === 0) socket.end(() => socket.destroy());
    }
    const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }
}
