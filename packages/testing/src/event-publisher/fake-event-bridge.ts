// An EventBridge on this machine: takes PutEvents as the real one does, and remembers what it was sent.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PutEventsRequest {
  readonly headers: IncomingHttpHeaders;
  readonly entries: readonly Readonly<Record<string, string>>[];
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Refuses what is not a signed PutEvents; takes every entry unless told otherwise. */
export class FakeEventBridge implements AsyncDisposable {
  readonly requests: PutEventsRequest[] = [];
  readonly #server: Server;
  readonly #answers: Answer[] = [];

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<FakeEventBridge> {
    const bridge = new FakeEventBridge();
    bridge.#server.listen(0, '127.0.0.1');
    await once(bridge.#server, 'listening');
    return bridge;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The details of every entry it was sent, in this order. */
  details(): readonly unknown[] {
    return this.requests.flatMap(({ entries }) => entries.map((entry) => JSON.parse(entry.Detail!) as unknown));
  }

  /** What the next request is answered; several calls are answered one after the other. */
  answerNext(body: unknown, status = 200): void {
    this.#answers.push({ status, body });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { status, body } = this.#answerTo(request, Buffer.concat(chunks).toString());
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  }

  #answerTo({ headers }: IncomingMessage, text: string): Answer {
    if (headers['x-amz-target'] !== 'AWSEvents.PutEvents') return refusal('UnknownOperationException');
    if (!headers.authorization?.startsWith('AWS4-HMAC-SHA256 ')) return refusal('MissingAuthenticationToken');
    const { Entries: entries } = JSON.parse(text) as { Entries: PutEventsRequest['entries'] };
    this.requests.push({ headers, entries });
    return this.#answers.shift() ?? { status: 200, body: allTaken(entries.length) };
  }
}

const refusal = (type: string): Answer => ({ status: 400, body: { __type: type, message: 'Refused.' } });

const allTaken = (count: number) => ({
  FailedEntryCount: 0,
  Entries: Array.from({ length: count }, () => ({ EventId: randomUUID() })),
});
