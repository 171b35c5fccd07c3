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
import { faultOfSignature } from './request-signature.ts';

export interface PutEventsRequest {
  readonly headers: IncomingHttpHeaders;
  readonly entries: readonly Readonly<Record<string, string>>[];
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The keys of AWS's own examples: requests have to be signed with them. */
export const FAKE_AWS_KEYS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'not-a-secret' } as const;
const SECRETS = new Map([[FAKE_AWS_KEYS.AWS_ACCESS_KEY_ID, FAKE_AWS_KEYS.AWS_SECRET_ACCESS_KEY]]);

/** What EventBridge itself would refuse. */
const ENTRIES_MAX = 10;
const BYTES_MAX = 256 * 1024;

/** Refuses what is not a rightly signed PutEvents within the limits; takes every entry unless told otherwise. */
export class FakeEventBridge implements AsyncDisposable {
  readonly requests: PutEventsRequest[] = [];
  readonly #server: Server;
  readonly #answers: Answer[] = [];
  readonly #taken: Readonly<Record<string, string>>[] = [];

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

  /** The details of every entry that it has taken, in this order. */
  takenDetails(): readonly unknown[] {
    return this.#taken.map((entry) => JSON.parse(entry.Detail!) as unknown);
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

  #answerTo({ headers, method = '', url = '' }: IncomingMessage, body: string): Answer {
    if (headers['x-amz-target'] !== 'AWSEvents.PutEvents') return refusal('UnknownOperationException');
    const fault = faultOfSignature({ method, url, headers, body }, SECRETS);
    if (fault !== undefined) return refusal(fault, 403);
    const { Entries: entries } = JSON.parse(body) as { Entries: PutEventsRequest['entries'] };
    if (entries.length > ENTRIES_MAX || bytesOf(entries) >= BYTES_MAX) return refusal('ValidationException');
    this.requests.push({ headers, entries });
    const answer = this.#answers.shift() ?? { status: 200, body: allTaken(entries.length) };
    const { Entries: answers = [] } = answer.body as { Entries?: readonly { EventId?: string }[] };
    this.#taken.push(...entries.filter((_, index) => answers[index]?.EventId !== undefined));
    return answer;
  }
}

const refusal = (type: string, status = 400): Answer => ({ status, body: { __type: type, message: 'Refused.' } });

/** As AWS counts them. */
const bytesOf = (entries: PutEventsRequest['entries']): number =>
  entries
    .map(
      ({ Source = '', DetailType = '', Detail = '', Time }) =>
        (Time === undefined ? 0 : 14) + Buffer.byteLength(Source + DetailType + Detail),
    )
    .reduce((sum, bytes) => sum + bytes, 0);

const allTaken = (count: number) => ({
  FailedEntryCount: 0,
  Entries: Array.from({ length: count }, () => ({ EventId: randomUUID() })),
});
