// EventBridge as the destination of relays: the real client of the AWS SDK against a server that checks every request.
import { messageId, type OutgoingMessage, type UnsentMessage } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import {
  FAKE_AWS_KEYS,
  FakeEventBridge,
  newOutgoingMessage,
  newStream,
  newTenant,
  PlainResilience,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventBridgePublisher } from './eventbridge-publisher.ts';

Object.assign(process.env, FAKE_AWS_KEYS);

const SIX_FAILURES = [1, 2, 3, 4, 5, 6];

describe('EventBridge as a destination', () => {
  let bridge: FakeEventBridge;
  let destination: EventBridgePublisher;
  const destinationFor = (endpoint: string) =>
    new EventBridgePublisher({ region: 'eu-north-1', bus: 'clients', endpoint }, new PlainResilience());
  beforeEach(async () => {
    bridge = await FakeEventBridge.start();
    destination = destinationFor(bridge.endpoint);
  });
  afterEach(async () => {
    Object.assign(process.env, FAKE_AWS_KEYS);
    await destination.close();
    await bridge[Symbol.asyncDispose]();
  });

  const ofOneStream = (count: number, of = { tenant: newTenant(), stream: newStream('client') }) =>
    Array.from({ length: count }, (_, index) =>
      newOutgoingMessage({ ...of, streamVersion: index + 1, data: { n: index } }),
    );
  const ids = (messages: readonly OutgoingMessage[]) => messages.map(messageId);
  const taken = () => bridge.takenDetails().map((detail) => (detail as { event_id: string }).event_id);
  const fates = (unsent: readonly UnsentMessage[]) =>
    unsent.map(({ messageId: id, cause, isRefused }) => [
      id,
      isRefused ? 'refused' : cause === undefined ? 'untried' : 'later',
    ]);
  const answers = (...codes: readonly (string | undefined)[]) => ({
    FailedEntryCount: codes.filter((code) => code !== undefined).length,
    Entries: codes.map((code, index) =>
      code === undefined ? { EventId: `e-${index}` } : { ErrorCode: code, ErrorMessage: 'So it is.' },
    ),
  });

  it('S0-35 calls PutEvents with bus, Source, DetailType ClientChanged and the normalised event, signed so that AWS would take it', async () => {
    const sent = newOutgoingMessage({ tenant: 'demo' as TenantId, stream: { type: 'client', id: '001' } as StreamId });
    expect(await destination.send([sent])).toEqual([]);
    const [{ entries, headers }] = bridge.requests as [(typeof bridge.requests)[0]];
    expect(entries).toEqual([
      {
        EventBusName: 'clients',
        Source: 'groundwork',
        DetailType: 'ClientChanged',
        Detail: expect.any(String),
        Time: expect.any(Number),
      },
    ]);
    expect(JSON.parse(entries[0]!['Detail']!)).toMatchObject({
      event_id: sent.id,
      aggregate_id: '001',
      tenant: 'demo',
    });
    expect(headers.authorization).toContain('/eu-north-1/events/aws4_request');
  });

  it('S0-35 is refused by an endpoint that knows another secret, or is sent what was changed on the way', async () => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'another-secret';
    const forged = destinationFor(bridge.endpoint);
    const unsent = await forged.send([newOutgoingMessage()]);
    await forged.close();
    expect(unsent).toMatchObject([
      { isRefused: false, cause: { message: expect.stringContaining('InvalidSignatureException') } },
    ]);
    expect(bridge.requests).toEqual([]);

    Object.assign(process.env, FAKE_AWS_KEYS);
    await destination.send([newOutgoingMessage()]);
    const { headers } = bridge.requests[0]!;
    const changed = await fetch(bridge.endpoint, {
      method: 'POST',
      headers: Object.entries(headers).flatMap(([name, value]) =>
        ['host', 'connection', 'content-length', 'transfer-encoding'].includes(name) ? [] : [[name, String(value)]],
      ) as [string, string][],
      body: '{"Entries":[]}',
    });
    expect([changed.status, await changed.json()]).toEqual([
      403,
      { __type: 'InvalidSignatureException', message: 'Refused.' },
    ]);
  });

  it('S0-36 fills requests up to 10 entries and 256 KB, and never with two messages of one client', async () => {
    const streams = Array.from({ length: 25 }, () => newOutgoingMessage());
    await destination.send(streams);
    expect(bridge.requests.map(({ entries }) => entries.length)).toEqual([10, 10, 5]);
    bridge.requests.length = 0;
    await destination.send(Array.from({ length: 5 }, () => newOutgoingMessage({ data: 'é'.repeat(50_000) })));
    expect(bridge.requests.map(({ entries }) => entries.length)).toEqual([2, 2, 1]);
    bridge.requests.length = 0;
    await destination.send(ofOneStream(3));
    expect(bridge.requests.map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
  });

  it('S0-36 names exactly what the bus has not taken, and sends nothing behind it in its client', async () => {
    const [a, b] = [ofOneStream(2), ofOneStream(2)];
    bridge.answerNext(answers('ThrottlingException', undefined));
    const unsent = await destination.send([a[0]!, b[0]!, a[1]!, b[1]!]);
    expect(taken()).toEqual([b[0]!.id]);
    expect(fates(unsent)).toEqual([
      [a[0]!.id, 'later'],
      [a[1]!.id, 'untried'],
      [b[1]!.id, 'untried'],
    ]);
    expect(await destination.send([a[0]!, a[1]!, b[1]!])).toEqual([]);
    expect(taken()).toEqual(ids([b[0]!, a[0]!, a[1]!, b[1]!]).filter((id) => taken().includes(id)));
    expect(taken().filter((id) => ids(a).includes(id))).toEqual(ids(a));
    expect(taken().filter((id) => ids(b).includes(id))).toEqual(ids(b));
  });

  it.each([
    'ThrottlingException',
    'InternalFailure',
    'InternalException',
    'ServiceUnavailable',
    'ExpiredToken',
    'ResourceNotFoundException',
    'UnrecognizedClientException',
  ])('S0-38 says that an entry with %s may be sent again', async (code) => {
    bridge.answerNext(answers(code));
    expect(await destination.send([newOutgoingMessage()])).toMatchObject([
      { isRefused: false, cause: { message: expect.stringContaining(`${code}: So it is.`) } },
    ]);
  });

  it.each([
    'AccessDeniedException',
    'NotAuthorizedForSourceException',
    'MalformedDetail',
    'InvalidArgument',
    'ValidationException',
  ])('S0-38 says that an entry with %s is refused for good, and goes on with other clients', async (code) => {
    const [refused, other] = [ofOneStream(2), ofOneStream(2)];
    bridge.answerNext(answers(code, undefined));
    const unsent = await destination.send([refused[0]!, other[0]!, refused[1]!, other[1]!]);
    expect(fates(unsent)).toEqual([
      [refused[0]!.id, 'refused'],
      [refused[1]!.id, 'untried'],
    ]);
    expect(taken()).toEqual(ids(other));
  });

  it.each([
    ['ThrottlingException', 400, false],
    ['InternalException', 500, false],
    ['ServiceUnavailable', 503, false],
    ['AccessDeniedException', 400, true],
    ['ValidationException', 400, true],
    ['AccessDeniedException', 403, true],
    ['ResourceNotFoundException', 400, false],
    ['UnrecognizedClientException', 400, false],
    ['InvalidClientTokenId', 403, false],
    ['InvalidSignatureException', 400, false],
    ['IncompleteSignature', 400, false],
    ['MissingAuthenticationTokenException', 403, false],
  ])(
    'S0-38 tells a request that fails with %s (%i) for now from one that is refused',
    async (__type, status, isRefused) => {
      for (const _ of SIX_FAILURES) bridge.answerNext({ __type, message: 'So it is.' }, status);
      const [sent] = [newOutgoingMessage()];
      expect(await destination.send([sent])).toMatchObject([
        { messageId: sent.id, isRefused, cause: { message: expect.stringContaining(__type) } },
      ]);
    },
    20_000,
  );

  it.each([403, 404, 405, 407, 413])('S0-38 tells a %i of a proxy from a refusal of the message', async (status) => {
    bridge.answerNext('Not here.', status);
    expect(await destination.send([newOutgoingMessage()])).toMatchObject([{ isRefused: status === 413 }]);
  });

  it('S0-38 takes nobody at home for something that passes', async () => {
    const nowhere = destinationFor('http://127.0.0.1:1');
    expect(await nowhere.send([newOutgoingMessage()])).toMatchObject([{ isRefused: false }]);
    await nowhere.close();
  });

  it('refuses a message that no request can hold, and only what is behind it waits', async () => {
    const [first, large, behind] = ofOneStream(3);
    const other = newOutgoingMessage();
    const unsent = await destination.send([first!, { ...large!, data: 'x'.repeat(256 * 1024) }, behind!, other]);
    expect(fates(unsent)).toEqual([
      [large!.id, 'refused'],
      [behind!.id, 'untried'],
    ]);
    expect(unsent[0]!.cause).toMatchObject({ code: 'messaging.event-too-large' });
    expect(taken()).toEqual(ids([first!, other]));
  });
});
