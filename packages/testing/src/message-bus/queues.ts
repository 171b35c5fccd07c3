// Queues: made, counted, emptied and removed.
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import type { BusAccess } from './message-bus-contract.ts';
import { HeardMessages, newMessage, newWord } from './new-message.ts';

export function describeQueues({ connect, traits }: BusAccess): void {
  describe('queues', () => {
    it.each([false, true])(
      'S2-31 counts what waits and who consumes (ordered: %s), purges and deletes',
      async (isOrdered) => {
        const [{ bus }, { bus: other }] = [await connect(), await connect()];
        const word = newWord();
        const queue = { name: word, topic: `${word}.>`, isOrdered };
        expect(await bus.queues.facts(word)).toBeUndefined();
        await bus.queues.create(queue);
        await bus.queues.create(queue);
        await bus.publish(Array.from({ length: 7 }, (_, n) => newMessage(`${word}.a`, String(n), { key: `k${n}` })));
        await eventually(async () => (await other.queues.facts(word))?.waiting === 7);
        expect(await other.queues.facts(word)).toEqual({ name: word, waiting: 7, consumers: 0, deadLetters: 0 });
        await bus.queues.purge(word);
        await eventually(async () => (await bus.queues.facts(word))?.waiting === 0);

        const heard = new HeardMessages();
        const group = { topic: queue.topic, group: word, isOrdered, attemptsMax: 1 };
        const failing = async (...given: Parameters<typeof heard.handle>): Promise<void> => {
          await heard.handle(...given);
          throw new Error('always');
        };
        const first = await bus.subscribe({ ...group, handle: failing });
        await other.subscribe({ ...group, handle: failing });
        await eventually(async () => (await bus.queues.facts(word))?.consumers === 2);
        await bus.publish([newMessage(`${word}.a`, 'after the purge', { key: 'k' })]);
        expect(await heard.until(1)).toEqual(['after the purge']);
        await eventually(async () => (await bus.queues.facts(word))?.deadLetters === 1);
        await first.stop();
        await eventually(async () => (await bus.queues.facts(word))?.consumers === 1, traits.settlesWithinMs);
        await other.close();
        await eventually(async () => (await bus.queues.facts(word))?.consumers === 0, traits.settlesWithinMs);

        await bus.queues.delete(word);
        expect(await bus.queues.facts(word)).toBeUndefined();
        await expect(bus.queues.purge(word)).rejects.toMatchObject({ code: 'messaging.unknown-queue' });
        await bus.queues.create(queue);
        expect(await bus.queues.facts(word)).toMatchObject({ waiting: 0, deadLetters: 0 });
      },
    );

    it('keeps the topic and the order that a queue was made for', async () => {
      const { bus } = await connect();
      const word = newWord();
      await bus.queues.create({ name: word, topic: `${word}.>` });
      const differs = { code: 'messaging.queue-differs' };
      await expect(bus.queues.create({ name: word, topic: `${word}.a` })).rejects.toMatchObject(differs);
      await expect(bus.queues.create({ name: word, topic: `${word}.>`, isOrdered: true })).rejects.toMatchObject(
        differs,
      );
      const { handle } = new HeardMessages();
      await expect(bus.subscribe({ topic: `${word}.b`, group: word, handle })).rejects.toMatchObject(differs);
    });

    it.each(['Upper', 'a b', 'a..b', ''])('refuses the queue name "%s"', async (name) => {
      const { bus } = await connect();
      const wrong = bus.queues.create({ name, topic: 'a' });
      await expect(wrong).rejects.toMatchObject({ code: 'messaging.invalid-queue-name' });
    });

    it.each(['a.>.b', 'a..b', 'a.b*', ''])('refuses the topic "%s"', async (topic) => {
      const { bus } = await connect();
      const wrong = bus.queues.create({ name: newWord(), topic });
      await expect(wrong).rejects.toMatchObject({ code: 'messaging.invalid-topic' });
    });
  });
}
