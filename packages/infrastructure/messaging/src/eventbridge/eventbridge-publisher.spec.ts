// The real client of the AWS SDK against a server on this machine.
import { execFileSync } from 'node:child_process';
import { EventsNotPublished, type NormalisedEvent } from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import {
  describeEventPublisher,
  FakeEventBridge,
  newLoggedEvent,
  newStream,
  newTenant,
  PlainResilience,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventBridgePublisher } from './eventbridge-publisher.ts';

process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE';
process.env.AWS_SECRET_ACCESS_KEY = 'not-a-secret';

const publisherFor = (bridge: FakeEventBridge) =>
  new EventBridgePublisher({ region: 'eu-north-1', bus: 'clients', endpoint: bridge.endpoint }, new PlainResilience());

describeEventPublisher('EventBridgePublisher', async () => {
  const bridge = await FakeEventBridge.start();
  const publisher = publisherFor(bridge);
  return {
    publisher,
    published: () => bridge.details() as NormalisedEvent[],
    async close() {
      await publisher.close();
      await bridge[Symbol.asyncDispose]();
    },
  };
});

describe('EventBridgePublisher', () => {
  let bridge: FakeEventBridge;
  let publisher: EventBridgePublisher;
  beforeEach(async () => {
    bridge = await FakeEventBridge.start();
    publisher = publisherFor(bridge);
  });
  afterEach(async () => {
    await publisher.close();
    await bridge[Symbol.asyncDispose]();
  });

  it('begins anew after a client that could not be made, and closes without one', async () => {
    const settings = { region: '', bus: 'clients', endpoint: bridge.endpoint };
    const publisher = new EventBridgePublisher(settings, new PlainResilience());
    await expect(publisher.publish([newLoggedEvent()])).rejects.toThrow('Region is missing');
    await publisher.close();
    settings.region = 'eu-north-1';
    await publisher.publish([newLoggedEvent()]);
    expect(sizes()).toEqual([1]);
    await publisher.close();
  });

  const ofManyStreams = (count: number, dataText = '{}') =>
    Array.from({ length: count }, () => newLoggedEvent({ dataText }));
  const sizes = () => bridge.requests.map(({ entries }) => entries.length);
  const failureOf = async (publishing: Promise<void>) => {
    const failure = await publishing.catch((error: unknown) => error);
    if (failure instanceof EventsNotPublished) return failure;
    throw new Error(`Expected EventsNotPublished, and got ${String(failure)}.`);
  };

  it('sends the event normalised, to the bus, signed for the region', async () => {
    const event = newLoggedEvent({
      tenant: parseTenantId('demo'),
      stream: streamId('price-list', '7'),
      type: 'PriceListSent',
      streamVersion: 4,
      dataText: '{"number":1778192987716501507}',
      validation: { rules: [{ rule: 'known', outcome: 'passed' }] },
    });
    await publisher.publish([event]);
    const [{ headers, entries }] = bridge.requests as [(typeof bridge.requests)[0]];
    const detail =
      `{"event_id":"${event.id}","aggregate_type":"price-list","aggregate_id":"7","event_type":"PriceListSent",` +
      '"timestamp":"2026-01-01T00:00:00.000Z","version":1,"data":{"number":1778192987716501507},' +
      '"validation_info":{"rules":[{"rule":"known","outcome":"passed"}]},"tenant":"demo",' +
      `"correlation_id":"${event.metadata.correlationId}"}`;
    const entry = { EventBusName: 'clients', Source: 'groundwork', DetailType: 'PriceListChanged', Detail: detail };
    expect(entries).toEqual([{ ...entry, Time: Date.parse('2026-01-01T00:00:00Z') / 1_000 }]);
    expect(headers['x-amz-target']).toBe('AWSEvents.PutEvents');
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-north-1\/events\/aws4_request, SignedHeaders=\S+, Signature=[0-9a-f]{64}$/,
    );
  });

  it('puts at most ten entries into a request', async () => {
    await publisher.publish(ofManyStreams(25));
    expect(sizes()).toEqual([10, 10, 5]);
  });

  it('puts less than 256 KB into a request', async () => {
    await publisher.publish(ofManyStreams(5, JSON.stringify('é'.repeat(50_000))));
    expect(sizes()).toEqual([2, 2, 1]);
  });

  it('refuses an event of 256 KB before anything is sent', async () => {
    const large = newLoggedEvent({ dataText: JSON.stringify('x'.repeat(256 * 1024)) });
    await expect(publisher.publish([...ofManyStreams(1), large])).rejects.toMatchObject({
      code: 'messaging.event-too-large',
      details: { eventId: large.id },
    });
    expect(sizes()).toEqual([]);
  });

  it('never puts two events of a stream into one request, and sends no later one after a failure', async () => {
    const of = { tenant: newTenant(), stream: newStream() };
    const [first, second] = [newLoggedEvent(of), newLoggedEvent({ ...of, streamVersion: 2 })];
    const other = newLoggedEvent();
    bridge.answerNext({
      FailedEntryCount: 1,
      Entries: [{ ErrorCode: 'ThrottlingException', ErrorMessage: 'Rate exceeded.' }, { EventId: 'e-2' }],
    });
    const failure = await failureOf(publisher.publish([first, other, second]));
    expect(failure.code).toBe('messaging.not-published');
    expect(failure.failed).toEqual([{ eventId: first.id, reason: 'ThrottlingException: Rate exceeded.' }]);
    expect(failure.message).toContain(first.id);
    expect(failure.message).not.toContain(other.id);
    expect(failure.details.untried).toEqual([second.id]);
    expect(sizes()).toEqual([2]);
  });

  it('counts as failed what the bus says nothing about', async () => {
    const events = ofManyStreams(2);
    bridge.answerNext({});
    const failure = await failureOf(publisher.publish(events));
    expect(failure.failed.map(({ eventId }) => eventId)).toEqual(events.map(({ id }) => id));
  });

  it('names every event of a request that is refused, and the cause', async () => {
    const events = ofManyStreams(2);
    bridge.answerNext({ __type: 'AccessDeniedException', message: 'Not authorised.' }, 400);
    const failure = await failureOf(publisher.publish(events));
    expect(failure.failed).toEqual(
      events.map(({ id }) => ({ eventId: id, reason: 'AccessDeniedException: Not authorised.' })),
    );
    expect(failure.cause).toMatchObject({ name: 'AccessDeniedException' });
  });

  it('names what was not published when nobody answers', async () => {
    const nowhere = new EventBridgePublisher(
      { region: 'eu-north-1', bus: 'clients', endpoint: 'http://127.0.0.1:1' },
      new PlainResilience(),
    );
    const [event] = ofManyStreams(1);
    const failure = await failureOf(nowhere.publish([event!]));
    expect(failure.failed).toEqual([{ eventId: event!.id, reason: expect.stringContaining('ECONNREFUSED') }]);
    await nowhere.close();
  });

  it('costs a program that publishes nothing no loading of the AWS SDK', () => {
    const program = `
      import { createRequire } from 'node:module';
      import { EventBridgePublisher } from '@groundwork/messaging';
      const { cache } = createRequire(import.meta.url);
      const isLoaded = () => Object.keys(cache).some((path) => path.includes('client-eventbridge'));
      const publisher = new EventBridgePublisher({ region: 'eu-north-1', bus: 'clients' }, { policyFor: () => undefined });
      await publisher.publish([]);
      const before = isLoaded();
      await import('@aws-sdk/client-eventbridge');
      console.log(before, isLoaded());`;
    const options = { cwd: import.meta.dirname, encoding: 'utf8' } as const;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], options)).toBe('false true\n');
  });
});
