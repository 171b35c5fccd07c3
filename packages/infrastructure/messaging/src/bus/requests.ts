// Requests and replies: a reply finds its way by the address and the correlation id that the request carries.
import { randomUUID } from 'node:crypto';
import {
  GaveUp,
  Unavailable,
  type BusMessage,
  type MessageContext,
  type Reply,
  type Responder,
  type RunningSubscription,
} from '@groundwork/application';
import type { BrokeredMessageBus } from './brokered-message-bus.ts';
import { RESERVED_HEADER } from './message-form.ts';

const REPLY_TO = `${RESERVED_HEADER}reply-to`;
const CORRELATION = `${RESERVED_HEADER}correlation`;
const FAILURE = `${RESERVED_HEADER}failure`;
const FAILURE_LENGTH_MAX = 500;

/** Whether it is a request or a reply, which are told apart by more than their ids. */
export const isCorrelated = ({ headers }: BusMessage): boolean => headers?.[CORRELATION] !== undefined;

export class Requests {
  readonly #bus: BrokeredMessageBus;
  readonly #address = `replies.${randomUUID()}`;
  readonly #open = new Map<string, PromiseWithResolvers<BusMessage>>();
  #inbox: Promise<RunningSubscription> | undefined;

  constructor(bus: BrokeredMessageBus) {
    this.#bus = bus;
  }

  async ask(request: BusMessage, timeoutMs: number): Promise<Reply> {
    const correlation = randomUUID();
    const reply = Promise.withResolvers<BusMessage>();
    const timer = setTimeout(() => reply.reject(noReply(request, timeoutMs)), timeoutMs);
    this.#open.set(correlation, reply);
    try {
      const { headers, ...parts } = await Promise.race([this.#sent(request, correlation, reply), reply.promise]);
      const failure = headers?.[FAILURE];
      if (failure !== undefined) throw requestFailed(request, failure);
      return { contentType: parts.contentType, body: parts.body, headers: ownHeaders(headers) };
    } finally {
      clearTimeout(timer);
      this.#open.delete(correlation);
    }
  }

  async answer({ answer, ...responder }: Responder): Promise<RunningSubscription> {
    return this.#bus.subscribe({
      ...responder,
      attemptsMax: responder.attemptsMax ?? 1,
      handle: async (request, context) => {
        const { [REPLY_TO]: topic, [CORRELATION]: correlation } = request.headers ?? {};
        const reply = await answered(answer, request, context);
        if (topic === undefined || correlation === undefined) return;
        const headers = { ...reply.headers, [CORRELATION]: correlation };
        // Whoever asked may have gone: nobody takes the reply then, and that is no fault.
        await this.#bus.send([{ ...reply, headers, id: `${correlation}.reply`, topic }], false);
      },
    });
  }

  close(): void {
    for (const { reject } of this.#open.values()) reject(closed());
  }

  async #sent(request: BusMessage, correlation: string, reply: PromiseWithResolvers<BusMessage>): Promise<BusMessage> {
    this.#inbox ??= this.#bus.subscribe({ topic: this.#address, attemptsMax: 1, handle: (found) => this.#take(found) });
    this.#inbox.catch(() => (this.#inbox = undefined));
    await this.#inbox;
    const headers = { ...request.headers, [REPLY_TO]: this.#address, [CORRELATION]: correlation };
    await this.#bus.send([{ ...request, headers }], true);
    return reply.promise;
  }

  /** A reply that nobody waits for any more is forgotten. */
  async #take(reply: BusMessage): Promise<void> {
    this.#open.get(reply.headers?.[CORRELATION] ?? '')?.resolve(reply);
  }
}

async function answered(answer: Responder['answer'], request: BusMessage, context: MessageContext): Promise<Reply> {
  try {
    return await answer(request, context);
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const failure = text
      .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
      .slice(0, FAILURE_LENGTH_MAX)
      .toWellFormed()
      .trim();
    return { contentType: 'text/plain', body: new Uint8Array(), headers: { [FAILURE]: failure || 'no reason' } };
  }
}

const ownHeaders = (headers: BusMessage['headers'] = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(RESERVED_HEADER)));

const noReply = ({ topic }: BusMessage, timeoutMs: number): Unavailable =>
  new Unavailable(
    'messaging.no-reply',
    `Nobody replied to a request for ${topic} within ${timeoutMs} ms.`,
    'Ask again if asking twice does no harm: it may have been answered too late.',
  );

const requestFailed = ({ topic }: BusMessage, failure: string): GaveUp =>
  new GaveUp(
    'messaging.request-failed',
    `The responder of ${topic} failed: ${failure}`,
    'Look at the responder; the request was not tried again.',
  );

const closed = (): Unavailable =>
  new Unavailable('messaging.bus-closed', 'The message bus has been closed.', 'Use it before the program stops.');
