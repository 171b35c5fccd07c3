// Relays to the message bus: CloudEvents in both modes, in order per stream, and what becomes of what is not taken.
import {
  InvalidInput,
  MessagesNotPublished,
  messageId,
  type BusMessage,
  type OutgoingMessage,
  type UnsentMessage,
} from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import { MemoryLogger, MemoryMetrics, newOutgoingMessage, newStream, newTenant, eventually } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { BrokeredMessageBus } from './brokered-message-bus.ts';
import { BusDestination, type CloudEventMode } from './bus-destination.ts';
import { MemoryBroker, MemoryQueues } from './memory/memory-broker.ts';

const metadata = {
  actor: 'ada',
  correlationId: 'request 1',
  causationId: 'command-1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
const ofOneStream = (count: number, of = { tenant: newTenant(), stream: newStream('client') }) =>
  Array.from({ length: count }, (_, index) => newOutgoingMessage({ ...of, streamVersion: index + 1 }));
const fates = (unsent: readonly UnsentMessage[]) =>
  unsent.map(({ messageId: id, cause, isRefused }) => [
    id,
    isRefused ? 'refused' : cause === undefined ? 'untried' : 'later',
  ]);

/** A bus that takes what it is told to, and remembers it. */
function scriptedBus(publish: (messages: readonly BusMessage[], taken: BusMessage[]) => void = () => undefined) {
  const [taken, calls]: [BusMessage[], (readonly BusMessage[])[]] = [[], []];
  const bus = {
    publish: async (messages: readonly BusMessage[]) => {
      calls.push(messages);
      publish(messages, taken);
      taken.push(...messages.filter((one) => !taken.includes(one)));
    },
  };
  return { bus, taken, calls };
}

describe('The message bus as a destination', () => {
  const heardOf = async (mode: CloudEventMode, sent: OutgoingMessage): Promise<BusMessage> => {
    const ports = { logger: new MemoryLogger(), metrics: new MemoryMetrics() };
    const bus = new BrokeredMessageBus(new MemoryBroker(new MemoryQueues()), ports);
    const heard: BusMessage[] = [];
    await bus.subscribe({ topic: 'clients.>', handle: async (one) => void heard.push(one) });
    expect(await new BusDestination(bus, mode).send([sent])).toEqual([]);
    await eventually(() => heard.length === 1);
    await bus.close();
    return heard[0]!;
  };
  const sent = newOutgoingMessage({
    metadata,
    tenant: parseTenantId('demo'),
    stream: streamId('client', '001'),
    streamVersion: 7,
  });
  const attributes = {
    specversion: '1.0',
    id: sent.id,
    source: '/contexts/clients',
    type: 'groundwork.clients.client-updated.v1',
    subject: 'client/001',
    time: '2026-01-01T00:00:00.000Z',
    sequence: '0000000007',
    partitionkey: 'demo/client/001',
    recordedtime: '2026-01-01T00:00:01.000Z',
    correlationid: 'request 1',
    causationid: 'command-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tenant: 'demo',
  };

  it('carries structured CloudEvents: one JSON object with all attributes', async () => {
    const heard = await heardOf('structured', sent);
    expect(heard).toMatchObject({
      id: sent.id,
      topic: 'clients.client-updated',
      key: 'demo/client/001',
      contentType: 'application/cloudevents+json',
      headers: { traceparent: attributes.traceparent },
    });
    expect(JSON.parse(new TextDecoder().decode(heard.body))).toEqual({
      ...attributes,
      datacontenttype: 'application/json',
      data: sent.data,
    });
    // What CloudEvents 1.0 says of the names of attributes.
    for (const name of Object.keys(attributes)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  });

  it('carries binary CloudEvents: the attributes are headers, the body is the data', async () => {
    const heard = await heardOf('binary', sent);
    expect(heard.contentType).toBe('application/json');
    expect(JSON.parse(new TextDecoder().decode(heard.body))).toEqual(sent.data);
    const headers = Object.entries({ ...attributes, correlationid: 'request%201' });
    expect(heard.headers).toEqual({
      traceparent: attributes.traceparent,
      ...Object.fromEntries(headers.map(([name, value]) => [`ce-${name}`, value])),
    });
  });

  it('has one message of a stream on its way at a time, and those of others beside it', async () => {
    const [a, b] = [ofOneStream(3), ofOneStream(1)];
    const { bus, calls } = scriptedBus();
    expect(await new BusDestination(bus, 'structured').send([a[0]!, a[1]!, b[0]!, a[2]!])).toEqual([]);
    expect(calls.map((messages) => messages.map(({ id }) => id))).toEqual([
      [a[0]!.id, b[0]!.id],
      [a[1]!.id],
      [a[2]!.id],
    ]);
  });

  it('names what was not confirmed, and sends nothing behind it for now', async () => {
    const [a, b] = [ofOneStream(2), ofOneStream(2)];
    const { bus, taken } = scriptedBus((messages, confirmed) => {
      confirmed.push(...messages.filter(({ id }) => id !== a[0]!.id));
      throw new MessagesNotPublished([{ messageId: a[0]!.id, reason: 'the connection was lost' }]);
    });
    const unsent = await new BusDestination(bus, 'structured').send([a[0]!, b[0]!, a[1]!, b[1]!]);
    expect(fates(unsent)).toEqual([
      [a[0]!.id, 'later'],
      [a[1]!.id, 'untried'],
      [b[1]!.id, 'untried'],
    ]);
    expect(taken.map(({ id }) => id)).toEqual([b[0]!.id]);
  });

  it('refuses only what no broker can carry, and holds back what is behind it', async () => {
    const [a, b] = [ofOneStream(2), ofOneStream(2)];
    const { bus, taken } = scriptedBus((messages) => {
      if (messages.some(({ id }) => id === a[0]!.id))
        throw new InvalidInput('messaging.message-too-large', 'No.', 'Go.');
    });
    const unsent = await new BusDestination(bus, 'structured').send([a[0]!, b[0]!, a[1]!, b[1]!]);
    expect(fates(unsent)).toEqual([
      [a[0]!.id, 'refused'],
      [a[1]!.id, 'untried'],
    ]);
    expect(taken.map(({ id }) => id)).toEqual(b.map(messageId));
  });
});
