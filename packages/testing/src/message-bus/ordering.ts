// Ordering: messages of one key one after the other, as they were published, whoever works on them.
import { describe, expect, it } from '@jest/globals';
import type { BusMessage, MessageHandler } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import type { BusAccess } from './message-bus-contract.ts';
import { newMessage, newWord, textOf } from './new-message.ts';

export function describeOrdering({ connect, traits: { settlesWithinMs } }: BusAccess): void {
  describe('ordering', () => {
    it('S4-07 keeps the order of each key over two subscribers, failures and time, and never works on two of one', async () => {
      const [{ bus }, { bus: other }] = [await connect(), await connect()];
      const [word, watched] = [newWord(), new WatchedOrder()];
      const group = { topic: `${word}.>`, group: word, isOrdered: true, concurrencyMax: 8, retryDelayMs: 5 };
      await bus.subscribe({ ...group, handle: watched.handle });
      await other.subscribe({ ...group, handle: watched.handle });
      for (let round = 0; round < 10; round++) await bus.publish(ofKeys(word, 6, round));
      await eventually(() => watched.done === 60, Math.max(20_000, settlesWithinMs));
      expect(watched.overlaps).toBe(0);
      for (const [key, texts] of watched.firstCopies) expect([key, texts]).toEqual([key, rounds(10)]);
      expect(watched.firstCopies.size).toBe(6);
    }, 60_000);

    it('S4-07 keeps the order of each key when a consumer dies in the middle', async () => {
      const [dying, { bus }] = [await connect(), await connect()];
      const [word, watched] = [newWord(), new WatchedOrder()];
      const group = { topic: `${word}.>`, group: word, isOrdered: true, concurrencyMax: 8, retryDelayMs: 5 };
      const grave = Promise.withResolvers<void>();
      let isDead = false;
      await dying.bus.subscribe({
        ...group,
        handlerTimeLimitMs: 600_000,
        handle: async (message, context) => {
          if (watched.done > 10) isDead = true;
          if (isDead) await grave.promise;
          await watched.handle(message, context);
        },
      });
      for (let round = 0; round < 10; round++) await bus.publish(ofKeys(word, 5, round));
      await eventually(() => isDead, Math.max(20_000, settlesWithinMs));
      await dying.abandon();
      await bus.subscribe({ ...group, handle: watched.handle });
      await eventually(() => [...watched.firstCopies.values()].flat().length === 50, settlesWithinMs);
      for (const [key, texts] of watched.firstCopies) expect([key, texts]).toEqual([key, rounds(10)]);
      grave.resolve();
    }, 60_000);
  });
}

/** Fails some attempts, takes various times, and watches what overlaps. */
class WatchedOrder {
  readonly firstCopies = new Map<string, string[]>();
  readonly #working = new Set<string>();
  overlaps = 0;
  done = 0;

  readonly handle: MessageHandler = async (message, { attempt }) => {
    const { key = '' } = message;
    if (this.#working.has(key)) this.overlaps++;
    this.#working.add(key);
    await new Promise((resolve) => setTimeout(resolve, Number(textOf(message)) % 3));
    this.#working.delete(key);
    if (attempt === 1 && Number(textOf(message)) % 4 === 3) throw new Error('once');
    this.done++;
    const texts = this.firstCopies.get(key) ?? [];
    if (!texts.includes(textOf(message))) texts.push(textOf(message));
    this.firstCopies.set(key, texts);
  };
}

const rounds = (count: number): string[] => Array.from({ length: count }, (_, round) => String(round));

const ofKeys = (word: string, keys: number, round: number): BusMessage[] =>
  Array.from({ length: keys }, (_, key) => newMessage(`${word}.a`, String(round), { key: `key-${key}` }));
