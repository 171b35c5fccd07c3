import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from '../testing/api-under-test.ts';
import { badRequests, type FuzzTarget } from './bad-requests.ts';
import { sendRequests, type FuzzAnswer } from './send-requests.ts';

const SEED = Number(process.env['GW_TEST_SEED'] ?? 20260506);
const COUNT = 5_000;

let under: ApiUnderTest;
let url: string;
let target: FuzzTarget;
beforeAll(async () => {
  under = await apiUnderTest();
  url = (await under.listen()).url;
  const { authorization } = await under.authorization();
  target = {
    authorization,
    readPaths: [
      '/v1/notes',
      '/v1/notes/1',
      '/v1/events',
      '/v1/commands',
      '/v1/streams/note/1',
      '/v1/projections/x',
      '/v1/dead-letters',
      '/v1/greeting',
    ],
    writePath: (n) => `/v1/notes/${n}`,
    members: () => '"text":"x"',
  };
});
afterAll(async () => under[Symbol.asyncDispose]());

describe('5,000 bad requests', () => {
  it(`are answered 4xx with a code, never 5xx, and what is accepted reads back identical (seed ${SEED})`, async () => {
    const faults: string[] = [];
    const counts = new Map<string, number>();
    const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
    const look = async (answer: FuzzAnswer): Promise<void> => {
      const { request, status, code, text, location } = answer;
      const fault = (what: string): number => faults.push(`${what} to ${request.name}\n${text.slice(0, 1_000)}`);
      if (status === undefined) {
        count('hung up');
        if (request.oversized !== true) fault('no answer');
      } else if (status >= 500) fault(String(status));
      else if (status >= 400) {
        count(`${status} ${code}`);
        if (code === undefined && !request.name.includes('HEAD ')) fault(`${status} without a code`);
      } else if (status === 201 && request.body !== undefined) {
        count('accepted');
        const back = await fetch(url + location!, { headers: { authorization: target.authorization } });
        if (Buffer.compare(Buffer.from(await back.arrayBuffer()), request.body) !== 0) fault('another body');
      } else count(String(status));
    };

    await sendRequests(url, badRequests(target, { seed: SEED, count: COUNT }), 16, look);

    expect(faults.slice(0, 5)).toEqual([]);
    expect([...counts.values()].reduce((sum, one) => sum + one, 0)).toBe(COUNT);
    // That the requests are as varied as they are meant to be: nothing here is proven by a server that refuses all.
    expect(counts.get('accepted')).toBeGreaterThan(300);
    expect([...counts.keys()]).toEqual(
      expect.arrayContaining([
        '400 http.malformed',
        '400 http.malformed-header',
        '400 http.malformed-url',
        '400 http.unstorable-text',
        '400 json.forbidden-key',
        '400 json.malformed',
        '400 json.not-utf-8',
        '400 json.too-deep',
        '400 json.too-many-keys',
        '400 json.text-too-long',
        '400 json.unstorable-number',
        '400 json.unstorable-text',
        '401 security.token-malformed',
        '401 security.token-missing',
        '401 security.token-not-trusted',
        '404 http.unknown-route',
        '405 http.method-not-allowed',
        '413 http.body-too-large',
        '414 http.url-too-long',
        '415 http.content-encoding',
        '415 http.unsupported-media-type',
        '417 http.expectation',
        '422 http.invalid-request',
        '431 http.headers-too-large',
      ]),
    );
    expect(under.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  }, 60_000);
});
