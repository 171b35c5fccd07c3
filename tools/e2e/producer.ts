// A producer as Salesforce's relay is one: in order per client, and again and again until an event is answered 202.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, ClientFeed } from './change-feed.ts';

export interface Accepted {
  readonly change: Change;
  /** What the Location of the answer names. */
  readonly commandId: string;
}

export interface ProducerOptions {
  /** Posts one event; rejects when there was no answer. */
  readonly post: (body: string) => Promise<Response>;
  /** Waits until the next event may be sent. */
  readonly turn?: () => Promise<void>;
  readonly onAccepted?: (acceptedCount: number) => void;
}

const RETRY_MS = 50;
const GIVE_UP_MS = 60_000;

/**
 * Sends all feeds side by side. What is answered by a fault (5xx) or not at all is sent again, in the other wire form,
 * because nobody knows whether it was taken. Throws for any other answer.
 */
export async function deliver(feeds: readonly ClientFeed[], options: ProducerOptions): Promise<readonly Accepted[]> {
  const accepted: Accepted[] = [];
  await Promise.all(
    feeds.map(async ({ changes }) => {
      for (const change of changes) {
        await options.turn?.();
        accepted.push({ change, commandId: await deliverOne(change, options) });
        options.onAccepted?.(accepted.length);
      }
    }),
  );
  return accepted;
}

async function deliverOne({ clientId, forms }: Change, { post }: ProducerOptions): Promise<string> {
  const deadline = Date.now() + GIVE_UP_MS;
  for (let attempt = clientId.charCodeAt(14); Date.now() < deadline; attempt++) {
    const answer = await post(forms[attempt % 2]!).catch(() => undefined);
    if (answer?.status === 202) return answer.headers.get('location')!.replace('/v1/commands/', '');
    if (answer !== undefined && answer.status < 500) throw new Error(`${answer.status}: ${await answer.text()}`);
    await sleep(RETRY_MS);
  }
  throw new Error(`A change of ${clientId} was not taken within ${GIVE_UP_MS / 1000} s.`);
}
