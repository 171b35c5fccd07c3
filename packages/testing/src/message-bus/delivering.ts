// Delivering: who gets a message, how many at a time, and how they share.
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { handling, messageOf, type BusMessage } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import type { BusAccess } from './message-bus-contract.ts';
import { HeardMessages, newMessage, newWord, textOf } from './new-message.ts';

export function describeDelivering(access: BusAccess): void {
  describeFanOut(access);
  describeTopics(access);
  describeSharing(access);
  describeStopping(access);
}

function describeFanOut({ connect }: BusAccess): void {
  describe('delivering to all', () => {
    it('S2-30 brings every message to each of two subscribers, and none to one that has stopped', async () => {
      const [{ bus }, { bus: other }] = [await connect(), await connect()];
      const word = newWord();
      const [first, second, gone] = [new HeardMessages(), new HeardMessages(), new HeardMessages()];
      const stopped = await other.subscribe({ topic: `${word}.*`, handle: gone.handle });
      await stopped.stop();
      await bus.subscribe({ topic: `${word}.*`, handle: first.handle });
      await other.subscribe({ topic: `${word}.*`, handle: second.handle });
      await bus.publish(['a', 'b', 'c'].map((text) => newMessage(`${word}.x`, text)));
      expect([...(await first.until(3))].sort()).toEqual(['a', 'b', 'c']);
      expect([...(await second.until(3))].sort()).toEqual(['a', 'b', 'c']);
      expect(gone.texts).toEqual([]);
    });

    it('S1-39 brings one message to the queues of all groups, and one that fails does not stop the others', async () => {
      const { bus } = await connect();
      const [word, heard] = [newWord(), new HeardMessages()];
      let failures = 0;
      const failing = { attemptsMax: 1_000, retryDelayMs: 20 };
      await bus.subscribe({
        topic: `${word}.>`,
        group: `${word}-failing`,
        ...failing,
        handle: async () => {
          failures++;
          throw new Error('never');
        },
      });
      await bus.subscribe({ topic: `${word}.>`, group: `${word}-sound`, handle: heard.handle });
      await bus.publish(numbered(word, 20));
      await heard.until(20);
      await eventually(() => failures > 0);
      expect([...heard.texts].sort()).toEqual(numbered(word, 20).map(textOf).sort());
    });
  });
}

function describeTopics({ connect }: BusAccess): void {
  describe('delivering by topic', () => {
    it('S4-06 S2-32 chooses by topic: * is one word, > the rest; what fits the group only once comes once', async () => {
      const { bus } = await connect();
      const word = newWord();
      const patterns = [`${word}.a.b`, `${word}.*.b`, `${word}.>`, `${word}.a`, '*.a.*'];
      const heard = patterns.map(() => new HeardMessages());
      for (const [index, topic] of patterns.entries()) {
        await bus.subscribe({ topic, group: `${word}-${index}`, handle: heard[index]!.handle });
      }
      const topics = ['a.b', 'c.b', 'a', 'a.b.c'].map((rest) => `${word}.${rest}`);
      await bus.publish(topics.map((topic) => newMessage(topic, topic.slice(word.length + 1))));
      const last = newMessage(`${word}.last`, 'last');
      await bus.publish([last]);
      const chosen = [['a.b'], ['a.b', 'c.b'], ['a', 'a.b', 'a.b.c', 'c.b', 'last'], ['a'], ['a.b']];
      const own = () =>
        heard.map(({ messages }) =>
          messages
            .filter(({ topic }) => topic.startsWith(word))
            .map(textOf)
            .sort(),
        );
      await eventually(() => own().every((texts, index) => texts.length >= chosen[index]!.length));
      expect(own()).toEqual(chosen);
    });

    it('S4-06 carries typed messages; what is not of the type becomes a dead letter', async () => {
      const { bus } = await connect();
      const word = newWord();
      const kilnLit = { topic: `${word}.kiln-lit`, schema: z.object({ kiln: z.string(), degrees: z.number() }) };
      const degrees: number[] = [];
      await bus.subscribe({
        topic: kilnLit.topic,
        group: word,
        handle: handling(kilnLit, async (data) => void degrees.push(data.degrees)),
      });
      await bus.publish([newMessage(kilnLit.topic, '{"kiln":7}'), messageOf(kilnLit, lit(900), { id: newWord() })]);
      await eventually(() => degrees.length === 1, 20_000);
      expect(degrees).toEqual([900]);
      const [letter] = await eventually(async () => {
        const letters = await bus.queues.deadLetters(word, 10);
        return letters.length > 0 && letters;
      }, 20_000);
      expect(letter).toMatchObject({ attempts: 1, reason: expect.stringContaining('MessageRejected') });
    });
  });
}

function describeSharing({ connect, traits }: BusAccess): void {
  describe('delivering to a group', () => {
    it('S4-07 S4-09 hands over no more than the handler may hold at once; the rest waits', async () => {
      const { bus } = await connect();
      const word = newWord();
      let [running, most, done] = [0, 0, 0];
      const gate = Promise.withResolvers<void>();
      await bus.queues.create({ name: word, topic: `${word}.>` });
      await bus.publish(numbered(word, 30));
      await bus.subscribe({
        topic: `${word}.>`,
        group: word,
        concurrencyMax: 3,
        handle: async () => {
          most = Math.max(most, ++running);
          await gate.promise;
          running--;
          done++;
        },
      });
      await eventually(() => running === 3, 20_000);
      if (traits.isManageable) {
        await eventually(async () => (await bus.queues.facts(word))!.waiting === 27);
      }
      gate.resolve();
      await eventually(() => done === 30, 20_000);
      expect(most).toBe(3);
    });

    it('S2-31 shares the messages of a group between its subscribers, each to one of them', async () => {
      const [{ bus }, { bus: other }] = [await connect(), await connect()];
      const word = newWord();
      const heard: string[][] = [[], []];
      const slowly = (list: string[]) => async (message: BusMessage) => {
        list.push(textOf(message));
        await new Promise((resolve) => setTimeout(resolve, 5));
      };
      const group = { topic: `${word}.>`, group: word, concurrencyMax: 2 };
      await bus.subscribe({ ...group, handle: slowly(heard[0]!) });
      await other.subscribe({ ...group, handle: slowly(heard[1]!) });
      const sent: string[] = [];
      // A group may need a moment until both have their share.
      await eventually(async () => {
        const more = numbered(word, 40, sent.length);
        sent.push(...more.map(textOf));
        await bus.publish(more);
        await eventually(() => heard.flat().length >= sent.length, traits.settlesWithinMs);
        return heard.every((list) => list.length > 0);
      }, 2 * traits.settlesWithinMs);
      expect(new Set(heard.flat())).toEqual(new Set(sent));
    });
  });
}

function describeStopping({ connect }: BusAccess): void {
  describe('delivering while subscribers come and go', () => {
    it('keeps what comes while a group has no subscriber', async () => {
      const { bus } = await connect();
      const [word, heard] = [newWord(), new HeardMessages()];
      const group = { topic: `${word}.>`, group: word, handle: heard.handle };
      await (await bus.subscribe(group)).stop();
      await bus.publish(numbered(word, 5));
      await bus.subscribe(group);
      expect([...(await heard.until(5))].sort()).toEqual(numbered(word, 5).map(textOf));
    });

    it.each([10, 1])(
      'S4-09 ends what it has begun when it stops, and gives back the rest (attemptsMax: %d)',
      async (attemptsMax) => {
        const [{ bus }, { bus: other }] = [await connect(), await connect()];
        const [word, later] = [newWord(), new HeardMessages()];
        const [gate, begun, ended] = [Promise.withResolvers<void>(), [] as string[], [] as string[]];
        const group = { topic: `${word}.>`, group: word, attemptsMax };
        const subscription = await bus.subscribe({
          ...group,
          concurrencyMax: 4,
          handle: async (message) => {
            begun.push(textOf(message));
            await gate.promise;
            ended.push(textOf(message));
          },
        });
        await bus.publish(numbered(word, 12).map((message) => ({ ...message, key: message.id })));
        await eventually(() => begun.length > 0, 20_000);
        const stopped = subscription.stop();
        gate.resolve();
        await stopped;
        expect(ended).toEqual(begun);
        await other.subscribe({ ...group, handle: later.handle });
        await later.until(12 - ended.length);
        expect([...later.texts, ...ended].sort()).toEqual(numbered(word, 12).map(textOf).sort());
      },
    );
  });
}

const lit = (degrees: number) => ({ kiln: 'north', degrees });

const numbered = (word: string, count: number, from = 0): BusMessage[] =>
  Array.from({ length: count }, (_, index) => newMessage(`${word}.n`, String(from + index)));
