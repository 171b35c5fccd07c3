// What the platform calls is behind a breaker by default: each dependency behind a line that a test can cut.
import { Authenticator, EventsNotPublished, Metrics, Unavailable } from '@groundwork/application';
import {
  eventually,
  FAKE_AWS_KEYS,
  FakeEventBridge,
  FaultProxy,
  newLoggedEvent,
  scraped,
  testDatabase,
} from '@groundwork/testing';
import type { PrometheusMetrics } from '@groundwork/monitoring';
import { Database } from '@groundwork/persistence';
import { afterEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { infrastructureFactory, type InfrastructureFactory } from './infrastructure-factory.ts';
import type { Environment } from './read-settings.ts';

interface Dependency {
  readonly name: string;
  readonly proxy: FaultProxy;
  readonly databaseUrl?: string;
  readonly settings: Environment;
  readonly failure: new (...parts: never[]) => Error;
  /** One call over the line. */
  call(factory: InfrastructureFactory): Promise<unknown>;
}

const opened: { (): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});
const later = (close: () => Promise<unknown>): void => void opened.push(close);
const behindProxy = async (url: string): Promise<{ readonly proxy: FaultProxy; readonly url: string }> => {
  const line = await FaultProxy.beforeUrl(url);
  later(() => line.proxy[Symbol.asyncDispose]());
  return line;
};

const dependencies: Readonly<Record<string, () => Promise<Dependency>>> = {
  async postgres() {
    const { url, drop } = await testDatabase();
    later(drop);
    const { proxy, url: databaseUrl } = await behindProxy(url);
    return {
      name: 'postgres',
      proxy,
      databaseUrl,
      failure: Unavailable,
      // By default whoever asks waits for longer than the breaker is open, so that some of them knock.
      settings: { GW_RESILIENCE_POSTGRES: 'breakerFailuresMax=5,breakerOpenMs=2000,retryWithinMs=500' },
      call: (factory) => factory.get(Database).query({ name: 'ping', text: 'select 1' }),
    };
  },

  async keys() {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] });
    const issuer = createServer((_request, response) => response.end(keys)).listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    later(async () => {
      issuer.closeAllConnections();
      issuer.close();
    });
    const { proxy, url } = await behindProxy(`http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`);
    const token = await new SignJWT({ tenant: 'demo', roles: [] })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer('https://issuer.example')
      .setAudience('groundwork')
      .setSubject('ada')
      .setExpirationTime('1h')
      .sign(privateKey);
    return {
      name: 'keys',
      proxy,
      failure: Unavailable,
      settings: {
        GW_JWKS_URL: url,
        GW_JWT_ISSUER: 'https://issuer.example',
        GW_JWT_AUDIENCE: 'groundwork',
        // The default of 10 s would only prolong the test.
        GW_RESILIENCE_KEYS: 'breakerOpenMs=500',
      },
      call: (factory) => factory.get(Authenticator).authenticate(token),
    };
  },

  async eventbridge() {
    const bridge = await FakeEventBridge.start();
    later(() => bridge[Symbol.asyncDispose]());
    const { proxy, url } = await behindProxy(bridge.endpoint);
    return {
      name: 'eventbridge',
      proxy,
      failure: EventsNotPublished,
      settings: {
        EVENTBRIDGE_REGION: 'eu-north-1',
        EVENTBRIDGE_ENDPOINT: url,
        GW_RESILIENCE_EVENTBRIDGE: 'breakerOpenMs=500',
      },
      call: (factory) => factory.publisher.publish([newLoggedEvent()]),
    };
  },
};

Object.assign(process.env, FAKE_AWS_KEYS);

// Nothing connects before it is used, so no database has to be there.
const NOWHERE = 'postgres://gw@127.0.0.1:1/groundwork';
const OPEN = 2;
const CALLERS = 30;
/** As long as PostgreSQL takes to start again. */
const AWAY_MS = 1_000;

describe.each(Object.keys(dependencies))('calls to %s', (name) => {
  it('S3-32 are not made any more while nobody answers, and are made again when somebody does', async () => {
    const { proxy, failure, databaseUrl = NOWHERE, settings, call } = await dependencies[name]!();
    const factory = await infrastructureFactory({ databaseUrl, settings });
    later(() => factory.close());
    const state = async () => {
      const { text } = await (factory.get(Metrics) as PrometheusMetrics).scrape();
      return scraped(text, 'groundwork_resilience_circuit_state', { dependency: name });
    };

    proxy.state = 'refusing';
    await eventually(async () => {
      await expect(call(factory)).rejects.toBeInstanceOf(failure);
      return (await state()) === OPEN;
    });
    // The line counts who knocks: nobody does.
    const knocks = proxy.attempts;
    await expect(call(factory)).rejects.toBeInstanceOf(failure);
    expect([await state(), proxy.attempts]).toEqual([OPEN, knocks]);

    proxy.state = 'open';
    await eventually(() => call(factory).then(() => true));
    expect(await state()).toBe(0);
  });
});

// A letter, the length of the rest, severity, SQLSTATE and message.
const STARTING = Buffer.from('E\0\0\0\x3aSFATAL\0VFATAL\0C57P03\0Mthe database is starting up\0\0', 'latin1');
STARTING.writeInt32BE(STARTING.length - 1, 1);

it.each(['absent', 'refusing'] as const)(
  'S3-32 nobody of many notices a PostgreSQL that is away for a moment, and few knock meanwhile: %s',
  async (state) => {
    const { proxy, databaseUrl } = await dependencies['postgres']!();
    const factory = await infrastructureFactory({ databaseUrl: databaseUrl! });
    later(() => factory.close());
    const database = factory.get(Database);
    const ping = () => database.query({ name: 'ping', text: 'select 1 as one' });

    proxy.refusal = STARTING;
    proxy.state = state;
    const outcomes = Promise.allSettled(Array.from({ length: CALLERS }, ping));
    await setTimeout(AWAY_MS);
    const knocks = proxy.attempts;
    proxy.state = 'open';
    expect((await outcomes).filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(knocks).toBeLessThan(2 * CALLERS);
  },
);

it('S4-61 a load of calls to EventBridge keeps to a few connections, and they stay', async () => {
  const { proxy, settings } = await dependencies['eventbridge']!();
  const factory = await infrastructureFactory({ databaseUrl: NOWHERE, settings });
  later(() => factory.close());
  const publish = () => factory.publisher.publish([newLoggedEvent()]);
  const load = () => Promise.all(Array.from({ length: 100 }, publish));

  await load();
  const made = proxy.attempts;
  expect(made).toBeLessThanOrEqual(20);
  for (let rounds = 0; rounds < 3; rounds++) {
    await load();
    expect([proxy.attempts, proxy.connections]).toEqual([made, made]);
  }
});
