// A line to a server that a test can cut, stop or refuse.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * `open` passes everything on, `silent` takes what comes and answers nothing, `refusing` lets nobody in, and at an
 * `absent` one nobody listens.
 */
export type LineState = 'open' | 'silent' | 'refusing' | 'absent';

export class FaultProxy implements AsyncDisposable {
  /** The host is 127.0.0.1. */
  readonly port: number;
  /** How often somebody has connected, or tried to. */
  attempts = 0;
  /** So much later comes whatever is passed on from now on. */
  delayMs = 0;
  /** What a `refusing` line answers to the first words of whoever connects; without it everybody is cut off at once. */
  refusal: Buffer | undefined;
  readonly #server: Server;
  readonly #lines = new Set<readonly [Socket, Socket]>();
  #state: LineState = 'open';

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Stands before `port` of `host`. */
  static async before(port: number, host = '127.0.0.1'): Promise<FaultProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new FaultProxy(server);
    server.on('connection', (client) => proxy.#connected(client, connect(port, host)));
    return proxy;
  }

  /** The URL with this line in place of its own host and port. */
  static async beforeUrl(url: string): Promise<{ readonly proxy: FaultProxy; readonly url: string }> {
    const through = new URL(url);
    const proxy = await FaultProxy.before(Number(through.port), through.hostname);
    through.hostname = '127.0.0.1';
    through.port = String(proxy.port);
    return { proxy, url: through.href };
  }

  get connections(): number {
    return this.#lines.size;
  }

  /** From now on; what is connected stays, and is silent with the others. */
  set state(state: LineState) {
    if (state === 'absent') this.#server.close();
    else if (this.#state === 'absent') this.#server.listen(this.port, '127.0.0.1');
    this.#state = state;
    for (const end of [...this.#lines].flat()) {
      if (state === 'silent') end.pause();
      else end.resume();
    }
  }

  /** Ends every connection, without a goodbye. */
  cut(): void {
    for (const line of this.#lines) for (const end of line) end.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#state === 'absent' ? undefined : once(this.#server, 'close');
    if (closed !== undefined) this.#server.close();
    this.cut();
    await closed;
  }

  #connected(client: Socket, server: Socket): void {
    this.attempts++;
    if (this.#state === 'refusing') {
      server.destroy();
      this.#refuse(client);
      return;
    }
    const line = [client, server] as const;
    this.#lines.add(line);
    for (const [from, to] of [line, [server, client] as const]) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        to.destroy();
        this.#lines.delete(line);
      });
      from.on('end', () => to.end());
      from.on('data', (data) => {
        if (this.delayMs === 0) to.write(data);
        else setTimeout(() => to.write(data), this.delayMs);
      });
      if (this.#state === 'silent') from.pause();
    }
  }

  #refuse(client: Socket): void {
    const { refusal } = this;
    if (refusal === undefined) client.resetAndDestroy();
    else client.once('data', () => client.end(refusal)).on('error', () => client.destroy());
  }
}
