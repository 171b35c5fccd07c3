// Publishing: what is taken, what is refused, and who is told of what no queue takes.
import { describe, expect, it } from '@jest/globals';
import { MESSAGE_BYTES_MAX, type BusMessage } from '@groundwork/application';
import type { BusAccess } from './message-bus-contract.ts';
import { HeardMessages, newMessage, newWord } from './new-message.ts';

export function describePublishing(access: BusAccess): void {
  describeTaking(access);
  describeRefusing(access);
  describeUnroutable(access);
}

function describeTaking({ connect }: BusAccess): void {
  describe('publishing', () => {
    it('S4-07 hands over what was published, byte for byte and header for header, to a queue made before', async () => {
      const { bus } = await connect();
      const [word, heard] = [newWord(), new HeardMessages()];
      const body = Uint8Array.from({ length: 1_000 }, (_, index) => index % 256);
      const message: BusMessage = {
        id: `${word}/1:ä`.replace('ä', 'a'),
        topic: `${word}.Thing_happened`,
        key: 'demo/stræde-7',
        headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x-who': 'Zoë "Q" 50 %' },
        contentType: 'application/cloudevents+json; charset=utf-8',
        body,
      };
      await bus.queues.create({ name: word, topic: `${word}.>` });
      await bus.publish([message]);
      await bus.subscribe({ topic: `${word}.>`, group: word, handle: heard.handle });
      await heard.until(1);
      expect({ ...heard.messages[0], body: [...heard.messages[0]!.body] }).toEqual({ ...message, body: [...body] });
      expect(heard.contexts[0]!.attempt).toBe(1);
    });

    it('carries a message without key and headers, and an empty body, and one of the full size', async () => {
      const { bus } = await connect();
      const [word, heard] = [newWord(), new HeardMessages()];
      const [bare, full] = [newMessage(`${word}.bare`), newMessage(`${word}.full`, 'x'.repeat(MESSAGE_BYTES_MAX))];
      await bus.subscribe({ topic: `${word}.*`, group: word, handle: heard.handle });
      await bus.publish([bare]);
      await bus.publish([full]);
      await heard.until(2);
      const found = (id: string) => heard.messages.find((message) => message.id === id)!;
      expect(found(bare.id).body.byteLength).toBe(0);
      expect(found(bare.id).key).toBeUndefined();
      expect(found(bare.id).headers ?? {}).toEqual({});
      expect(found(full.id).body.byteLength).toBe(MESSAGE_BYTES_MAX);
    });
  });
}

function describeRefusing({ connect }: BusAccess): void {
  describe('publishing what cannot be', () => {
    it('refuses what no broker could carry, by name and before anything is sent', async () => {
      const { bus } = await connect();
      const [word, heard] = [newWord(), new HeardMessages()];
      await bus.subscribe({ topic: `${word}.>`, group: word, handle: heard.handle });
      for (const parts of impossible) {
        const wrong = bus.publish([newMessage(`${word}.a`, 'first'), newMessage(`${word}.a`, 'second', parts)]);
        await expect(wrong).rejects.toMatchObject({ code: 'messaging.invalid-message' });
      }
      await bus.publish([newMessage(`${word}.a`, 'last')]);
      expect(await heard.until(1)).toEqual(['last']);
    });

    it('refuses a message that is too large', async () => {
      const { bus } = await connect();
      const large = newMessage(newWord(), 'x'.repeat(MESSAGE_BYTES_MAX + 1));
      await expect(bus.publish([large])).rejects.toMatchObject({ code: 'messaging.message-too-large' });
    });
  });
}

function describeUnroutable({ connect, traits }: BusAccess): void {
  describe('publishing without a taker', () => {
    if (traits.unroutable === 'returned') {
      it('S2-32 names the messages that no queue takes, and takes the others', async () => {
        const { bus } = await connect();
        const [word, heard] = [newWord(), new HeardMessages()];
        await bus.subscribe({ topic: `${word}.wanted`, group: word, handle: heard.handle });
        const unwanted = newMessage(`${word}.unwanted`);
        const published = bus.publish([newMessage(`${word}.wanted`, 'a'), unwanted, newMessage(`${word}.wanted`, 'b')]);
        await expect(published).rejects.toMatchObject({
          code: 'messaging.not-confirmed',
          failed: [{ messageId: unwanted.id, reason: 'unroutable' }],
        });
        expect([...(await heard.until(2))].sort()).toEqual(['a', 'b']);
        await bus.publish([unwanted], { mandatory: false });
      });
    } else {
      it('takes the messages that no queue takes yet: the broker keeps them for a while', async () => {
        const { bus } = await connect();
        await expect(bus.publish([newMessage(`${newWord()}.early`, 'a')])).resolves.toBeUndefined();
      });
    }

    it('says when it is closed', async () => {
      const { bus } = await connect();
      await bus.close();
      await bus.close();
      await expect(bus.publish([newMessage(newWord())])).rejects.toMatchObject({ code: 'messaging.bus-closed' });
    });

    it('S2-33 answers a ping', async () => {
      const { bus } = await connect();
      await expect(bus.ping()).resolves.toBeUndefined();
    });
  });
}

const impossible: readonly Partial<BusMessage>[] = [
  { id: 'a b' },
  { topic: 'a.*' },
  { topic: 'a..b' },
  { headers: { note: 'a\r\nb' } },
  { headers: { 'groundwork-x': 'a' } },
  { key: '\ud800' },
];
