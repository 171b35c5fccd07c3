// Requests and replies over the bus.
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import type { BusAccess } from './message-bus-contract.ts';
import { newMessage, newWord, textOf } from './new-message.ts';

export function describeRequests({ connect, traits: { settlesWithinMs: patienceMs } }: BusAccess): void {
  describe('requests', () => {
    it('S4-11 brings each request its own reply, from one of the responders', async () => {
      const [{ bus }, { bus: other }] = [await connect(), await connect()];
      const word = newWord();
      const answer = async (request: Parameters<typeof textOf>[0]) => ({
        contentType: 'text/plain',
        headers: { 'x-says': 'ok' },
        body: new TextEncoder().encode(`${textOf(request)}!`),
      });
      await other.respond({ topic: `${word}.ask`, group: word, answer });
      await bus.respond({ topic: `${word}.ask`, group: word, answer });
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, index) => bus.request(newMessage(`${word}.ask`, String(index)), patienceMs)),
      );
      expect(replies.map(({ body }) => new TextDecoder().decode(body))).toEqual(
        Array.from({ length: 20 }, (_, index) => `${index}!`),
      );
      expect(replies[0]).toMatchObject({ contentType: 'text/plain', headers: { 'x-says': 'ok' } });
    });

    it('S4-11 gives up after the time-out, and discards the reply that comes too late', async () => {
      const [{ bus }, { bus: other }] = [await connect(), await connect()];
      const word = newWord();
      const gate = Promise.withResolvers<void>();
      let replied = 0;
      await other.respond({
        topic: `${word}.ask`,
        group: word,
        answer: async (request) => {
          if (textOf(request) === 'slow') await gate.promise;
          replied++;
          return { contentType: 'text/plain', body: request.body };
        },
      });
      // The first request finds the way; from then on only the responder takes its time.
      await bus.request(newMessage(`${word}.ask`, 'first'), patienceMs);
      const slow = bus.request(newMessage(`${word}.ask`, 'slow'), 100);
      await expect(slow).rejects.toMatchObject({ code: 'messaging.no-reply' });
      gate.resolve();
      await eventually(() => replied === 2);
      const { body } = await bus.request(newMessage(`${word}.ask`, 'next'), patienceMs);
      expect(new TextDecoder().decode(body)).toBe('next');
    });

    it('S4-11 tells the requester that the responder failed, and why', async () => {
      const { bus } = await connect();
      const word = newWord();
      let asked = 0;
      await bus.respond({
        topic: `${word}.ask`,
        group: word,
        answer: async () => {
          asked++;
          throw new Error('no such kiln');
        },
      });
      await expect(bus.request(newMessage(`${word}.ask`), patienceMs)).rejects.toMatchObject({
        code: 'messaging.request-failed',
        message: expect.stringContaining('no such kiln'),
      });
      expect(asked).toBe(1);
    });
  });
}
