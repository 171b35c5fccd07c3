// Server-sent events: one connection that stays open, within bounds.
import { Readable } from 'node:stream';
import type { EndpointResponse, Logger, StreamedEvent } from '@groundwork/application';
import type { FastifyReply } from 'fastify';
import type { HttpLimits } from './http-limits.ts';
import { jsonTextOfAnswer } from './json-text.ts';
import { MalformedRequest } from './malformed-request.ts';

const RECONNECT_MS = 2_000;

/** The open streams of this process, counted by tenant. */
export class EventStreams {
  readonly #limits: HttpLimits;
  readonly #stopping = new AbortController();
  readonly #openByTenant = new Map<string, number>();

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** Ends every stream; their readers come back to another process. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Throws MalformedRequest `http.too-many-streams` (429). */
  send(
    reply: FastifyReply,
    tenant: string,
    events: NonNullable<EndpointResponse['events']>,
    logger: Logger,
  ): FastifyReply {
    const open = this.#openByTenant.get(tenant) ?? 0;
    if (open >= this.#limits.streamsPerTenantMax) {
      const refused = { status: 429, headers: { 'retry-after': '10' } };
      throw new MalformedRequest(
        'http.too-many-streams',
        `${open} streams of this tenant are open.`,
        'Close one first.',
        refused,
      );
    }
    this.#openByTenant.set(tenant, open + 1);
    const left = new AbortController();
    reply.raw.once('close', () => {
      left.abort();
      this.#openByTenant.set(tenant, (this.#openByTenant.get(tenant) ?? 1) - 1);
    });
    const stop = AbortSignal.any([
      left.signal,
      this.#stopping.signal,
      AbortSignal.timeout(this.#limits.streamLifetimeMs),
    ]);
    reply.headers({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    return reply.send(
      Readable.from(framesOf(events(stop), this.#limits.heartbeatIntervalMs, stop, logger), { objectMode: false }),
    );
  }
}

/** The text of the events, with a comment whenever nothing else was sent for a while. Never throws. */
async function* framesOf(
  events: AsyncIterable<StreamedEvent>,
  heartbeatIntervalMs: number,
  stop: AbortSignal,
  logger: Logger,
): AsyncIterable<string> {
  yield `retry: ${RECONNECT_MS}\n\n`;
  const iterator = events[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    while (!stop.aborted) {
      const event = await withinOrUndefined(next, heartbeatIntervalMs);
      if (event === undefined) {
        yield ': heartbeat\n\n';
        continue;
      }
      if (event.done === true) return;
      yield frameOf(event.value);
      next = iterator.next();
    }
  } catch (error) {
    // The status is sent already. The reader reconnects behind the last event it saw.
    logger.warn('a stream of events broke off', { error: (error as Error).message });
  } finally {
    await iterator.return?.();
  }
}

const frameOf = ({ id, data }: StreamedEvent): string =>
  `id: ${id}\n${jsonTextOfAnswer(data)
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;

async function withinOrUndefined<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
