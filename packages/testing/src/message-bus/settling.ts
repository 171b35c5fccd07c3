// Settling: what is acknowledged is gone, what fails comes again, and what keeps failing becomes a dead letter.
import { describe, expect, it } from '@jest/globals';
import { MessageRejected, type BusMessage } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import type { BusAccess } from './message-bus-contract.ts';
import { HeardMessages, newMessage, newWord, textOf } from './new-message.ts';

export function describeSettling(access: BusAccess): void {
  describeAttempts(access);
  describeDeadLetters(access);
  describeRedriving(access);
  describeLoss(access);
}

function describeAttempts({ connect }: BusAccess): void {
  describe('settling', () => {
    it('S4-07 does not hand over again what was acknowledged', async () => {
      const { bus } = await connect();
      const [word, first, second] = [newWord(), new HeardMessages(), new HeardMessages()];
      const group = { topic: `${word}.>`, group: word };
      const running = await bus.subscribe({ ...group, handle: first.handle });
      await bus.publish([newMessage(`${word}.a`, 'a'), newMessage(`${word}.a`, 'b')]);
      await first.until(2);
      await running.stop();
      await bus.subscribe({ ...group, handle: second.handle });
      await bus.publish([newMessage(`${word}.a`, 'c')]);
      expect(await second.until(1)).toEqual(['c']);
    });

    it('S4-07 tries again what failed, with a growing count of attempts', async () => {
      const { bus } = await connect();
      const word = newWord();
      const attempts: number[] = [];
      await bus.subscribe({
        topic: `${word}.>`,
        group: word,
        retryDelayMs: 5,
        handle: async (_message, { attempt }) => {
          attempts.push(attempt);
          if (attempt < 4) throw new Error('not yet');
        },
      });
      await bus.publish([newMessage(`${word}.a`)]);
      await eventually(() => attempts.length === 4, 20_000);
      expect(attempts).toEqual([1, 2, 3, 4]);
    });
  });
}

function describeDeadLetters({ connect }: BusAccess): void {
  describe('settling by giving up', () => {
    it('S4-07 makes a dead letter of what failed as often as it may, with the reason, and goes on', async () => {
      const { bus } = await connect();
      const [word, heard] = [newWord(), new HeardMessages()];
      const poison = newMessage(`${word}.a`, 'poison', { key: 'k', headers: { 'x-who': 'Zoë' } });
      const subscription = await bus.subscribe({
        topic: `${word}.>`,
        group: word,
        attemptsMax: 3,
        retryDelayMs: 5,
        handle: async (message, context) => {
          await heard.handle(message, context);
          if (textOf(message) === 'poison') throw new Error(`no\nway ${'x'.repeat(2_000)}`);
        },
      });
      await bus.publish([poison, newMessage(`${word}.a`, 'sound', { key: 'k' })]);
      await heard.until(4);
      await eventually(async () => (await bus.queues.deadLetters(word, 10)).length === 1, 20_000);
      await subscription.stop();
      const [letter] = await bus.queues.deadLetters(word, 10);
      expect({ ...letter!.message, body: textOf(letter!.message) }).toEqual({ ...poison, body: 'poison' });
      expect(letter).toMatchObject({ attempts: 3, reason: expect.stringContaining('no way'), at: expect.any(Date) });
      expect(heard.texts.filter((text) => text === 'poison')).toHaveLength(3);
    });

    it('S4-07 makes a dead letter at once of what its handler rejects', async () => {
      const { bus } = await connect();
      const [word, heard] = [newWord(), new HeardMessages()];
      await bus.subscribe({
        topic: `${word}.>`,
        group: word,
        handle: async (message, context) => {
          await heard.handle(message, context);
          throw new MessageRejected('demo.unwanted', 'Nobody wants this.', 'Discard it.');
        },
      });
      await bus.publish([newMessage(`${word}.a`, 'a')]);
      await eventually(async () => (await bus.queues.deadLetters(word, 1)).length === 1, 20_000);
      expect(heard.texts).toEqual(['a']);
    });
  });
}

function describeRedriving({ connect }: BusAccess): void {
  describe('settling dead letters', () => {
    it('puts chosen dead letters back into their own queue only, and forgets others', async () => {
      const { bus } = await connect();
      const [word, heard, others] = [newWord(), new HeardMessages(), new HeardMessages()];
      let isCured = false;
      await bus.subscribe({ topic: `${word}.>`, group: `${word}-other`, handle: others.handle });
      await bus.subscribe({
        topic: `${word}.>`,
        group: word,
        attemptsMax: 1,
        handle: async (message, context) => {
          if (!isCured) throw new Error('ill');
          await heard.handle(message, context);
        },
      });
      const [first, second, third] = ['a', 'b', 'c'].map((text) => newMessage(`${word}.a`, text));
      await bus.publish([first!, second!, third!]);
      await eventually(async () => (await bus.queues.deadLetters(word, 10)).length === 3, 20_000);
      isCured = true;
      expect(await bus.queues.redrive(word, [second!.id])).toBe(1);
      expect(await heard.until(1)).toEqual(['b']);
      expect(heard.contexts[0]!.attempt).toBe(1);
      expect(await bus.queues.discard(word, [first!.id])).toBe(1);
      expect((await bus.queues.deadLetters(word, 10)).map(({ message }) => textOf(message))).toEqual(['c']);
      expect(await bus.queues.redrive(word)).toBe(1);
      expect(await heard.until(2)).toEqual(['b', 'c']);
      expect([...(await others.until(3))].sort()).toEqual(['a', 'b', 'c']);
    });
  });
}

function describeLoss({ connect, traits: { settlesWithinMs } }: BusAccess): void {
  describe('settling what time and death take', () => {
    it('S4-09 fails an attempt that takes too long, and tells its handler so', async () => {
      const { bus } = await connect();
      const word = newWord();
      const told: boolean[] = [];
      await bus.subscribe({
        topic: `${word}.>`,
        group: word,
        handlerTimeLimitMs: 50,
        attemptsMax: 2,
        retryDelayMs: 5,
        handle: async (_message, { signal }) => {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          told.push(signal.aborted);
        },
      });
      await bus.publish([newMessage(`${word}.a`)]);
      const [letter] = await eventually(async () => {
        const letters = await bus.queues.deadLetters(word, 1);
        return letters.length > 0 && letters;
      }, 20_000);
      expect(letter!.reason).toContain('longer than 50 ms');
      expect(told).toEqual([true, true]);
    });

    it('S4-07 hands what a dead consumer held to another', async () => {
      const [dying, { bus }] = [await connect(), await connect()];
      const [word, heard] = [newWord(), new HeardMessages()];
      const [held, grave] = [[] as BusMessage[], Promise.withResolvers<void>()];
      const group = { topic: `${word}.>`, group: word, concurrencyMax: 5, handlerTimeLimitMs: 600_000 };
      await dying.bus.subscribe({
        ...group,
        handle: async (message) => {
          held.push(message);
          await grave.promise;
        },
      });
      const messages = Array.from({ length: 8 }, (_, index) => newMessage(`${word}.a`, String(index)));
      await bus.publish(messages);
      await eventually(() => held.length > 0, 20_000);
      await dying.abandon();
      await bus.subscribe({ ...group, handle: heard.handle });
      await heard.until(8, settlesWithinMs);
      expect(new Set(heard.texts)).toEqual(new Set(messages.map(textOf)));
      const again = heard.contexts.filter((_, index) => held.some(({ id }) => heard.messages[index]!.id === id));
      expect(again.length).toBe(held.length);
      grave.resolve();
    });
  });
}
