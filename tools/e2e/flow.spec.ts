import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { badRequests } from '../../apps/api/src/fuzz/bad-requests.ts';
import { sendRequests, type FuzzAnswer } from '../../apps/api/src/fuzz/send-requests.ts';
import { clientFeed, clientFeeds, MARK } from './change-feed.ts';
import { messagesOf } from './outgoing-messages.ts';
import { deliver } from './producer.ts';
import { freePorts, holds, partOf, startProduct, type Ports, type Product } from './started-product.ts';

const SEED = Number(process.env['GW_TEST_SEED'] ?? 20260507);
const FUZZ_COUNT = 5_000;
const GW = join(import.meta.dirname, '../../apps/cli/bin/gw.js');
const execute = promisify(execFile);

interface Item extends Record<string, unknown> {
  readonly id: string;
  readonly position: string;
}
interface Step extends Item {
  readonly actor: string;
  readonly occurredAt: string;
  readonly streamVersion: number;
  readonly state: { readonly value: object };
  readonly rows: readonly { readonly key: string; readonly value: Item; readonly changed: readonly string[] }[];
}
interface Lineage {
  readonly columns: readonly { readonly column: string; readonly value: unknown; readonly origin: Item }[];
  readonly items: readonly { readonly command: unknown }[];
}
interface Page {
  readonly items: readonly Item[];
  readonly next: string | null;
}

describe('the whole product', () => {
  let dataDir: string;
  let ports: Ports;
  let product: Product;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-flow-'));
    chmodSync(dataDir, 0o711);
    ports = await freePorts();
    product = await startProduct(dataDir, ports);
  }, 90_000);
  afterAll(async () => {
    await product?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  const json = async (path: string): Promise<unknown> => (await product.ask(path)).body;
  const page = async (path: string): Promise<Page> => (await json(path)) as Page;
  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    product.send('/v1/events/salesforce', { method: 'POST', body, headers });

  /** Posts an event and waits until its command has ended. */
  async function run(body: string, headers: Record<string, string> = {}): Promise<Response> {
    const location = (await post(body, headers)).headers.get('location')!;
    await holds(async () =>
      expect(await json(location)).toHaveProperty('status', expect.stringMatching(/^(processed|failed)$/)),
    );
    return product.send(location);
  }
  /** What `gw` prints as JSON. */
  async function gw(...args: readonly string[]): Promise<unknown> {
    const access = ['--url', product.url, '--token', product.authorization.replace('Bearer ', ''), '--json'];
    const { stdout } = await execute(process.execPath, [GW, ...args, ...access], {
      env: { PATH: process.env['PATH'] },
    });
    return JSON.parse(stdout);
  }
  const logged = (service: string, correlationId: string): readonly Item[] =>
    product.lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Item)
      .filter((line) => line['service'] === service && line['correlationId'] === correlationId);

  it('S0-09, S0-48, S2-29 one correlation id leads from the request through command, event and projection to the message that goes out, in data and in logs', async () => {
    const worker = `http://127.0.0.1:${ports.management + 1}/loggers`;
    const level = (name: string): RequestInit => ({
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ level: name }),
    });
    expect((await fetch(worker, level('debug'))).status).toBe(200);
    const { clientId, changes } = clientFeed('Trace', 0, 1);
    const accepted = await post(changes[0]!.forms[0], { 'x-correlation-id': 'order-4711' });
    const [location, requestId] = [accepted.headers.get('location')!, accepted.headers.get('x-request-id')!];
    const commandId = location.split('/').at(-1)!;
    expect(accepted.headers.get('x-correlation-id')).toBe('order-4711');
    await holds(async () => expect(logged('worker', 'order-4711')).toHaveLength(2));
    await fetch(worker, level('info'));

    expect(await json(location)).toMatchObject({
      status: 'processed',
      correlationId: 'order-4711',
      actor: 'developer',
    });
    const { items } = await page('/v1/events?correlationId=order-4711');
    expect(items).toEqual([expect.objectContaining({ stream: `client/${clientId}`, source: 'salesforce' })]);
    const [event] = items;
    const causes = { causationId: commandId, correlationId: 'order-4711', requestId };
    expect(event!['metadata']).toEqual({ actor: 'developer', ...causes });
    expect(logged('api', 'order-4711')).toMatchObject([
      { message: 'request', route: '/v1/events/salesforce', status: 202, requestId, tenant: 'demo' },
    ]);
    const passed = { projection: 'clients.client-list', eventId: event!.id, position: event!.position };
    const lines = logged('worker', 'order-4711');
    expect(lines).toContainEqual(
      expect.objectContaining({ message: 'A command was processed.', commandId, tenant: 'demo' }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({ message: 'The projection has passed an event.', ...passed }),
    );
    expect(await messagesOf(dataDir, clientId)).toMatchObject([{ event_id: event!.id, correlation_id: 'order-4711' }]);
  });

  it('S0-25 what the rules refuse is no event but a listed command with its reason, and can be retried', async () => {
    const { clientId, changes } = clientFeed('Twice', 0, 1);
    const created = await run(changes[0]!.forms[0]);
    expect(await created.json()).toMatchObject({ status: 'processed' });
    const again = changes[0]!.forms[0].replace(`e2e-${clientId}-1`, 'created-again');
    const refused = (await (await run(again)).json()) as Item;
    const reason = { status: 'failed', error: { code: 'client.already-exists' }, payload: JSON.parse(again) as object };
    expect(refused).toMatchObject(reason);
    expect((await page('/v1/commands?status=failed')).items).toMatchObject([{ id: refused.id, error: reason.error }]);

    const retried = await product.send(`/v1/commands/${refused.id}/retry`, { method: 'POST' });
    // Its attempts are counted anew.
    const pending = expect.objectContaining({ status: 'pending', attempts: 0 });
    expect([retried.status, await retried.json()]).toEqual([202, pending]);
    await holds(async () => {
      expect(await json(`/v1/commands/${refused.id}`)).toMatchObject({ ...reason, attempts: 1 });
    });
    expect((await product.send(`/v1/commands/${created.url.split('/').at(-1)}/retry`, { method: 'POST' })).status).toBe(
      409,
    );
    const { items } = await page(`/v1/streams/client/${clientId}`);
    expect(items).toMatchObject([
      { validation: { rules: [{ rule: 'envelope-readable', outcome: 'passed' }, {}, {}] } },
    ]);
  });

  it('S1-51 reads what it has written: the position of a command, waited for, shows its client with its version as ETag', async () => {
    const { clientId, changes } = clientFeed('Mine', 0, 20);
    for (const [at, { forms }] of changes.entries()) {
      const command = await run(forms[at % 2]!);
      const position = command.headers.get('groundwork-position')!;
      const wanted = { 'groundwork-min-position': position, prefer: 'wait=5' };
      const read = await product.send(`/v1/clients/${clientId}`, { headers: wanted });
      expect([read.status, read.headers.get('etag')]).toEqual([200, `"${at + 1}"`]);
      expect(await read.json()).toMatchObject({ id: clientId, streamVersion: at + 1 });
    }
    // A rebuild may give other values for the same version, so a list that is known is answered all the same.
    const known = await product.send(`/v1/clients/${clientId}`, {
      headers: { 'if-none-match': `"${changes.length}"` },
    });
    expect([known.status, known.headers.get('etag')]).toEqual([200, `"${changes.length}"`]);
    const beyond = { 'groundwork-min-position': '9000000000' };
    expect((await product.send(`/v1/clients/${clientId}`, { headers: beyond })).status).toBe(422);
  });

  it('S0-73 shows a history between times, the state as of a time, and 404 for who is unknown', async () => {
    const [count, feed] = [12, clientFeed('Past', 0, 12)];
    await deliver([feed], { post });
    const path = `/v1/clients/${feed.clientId}`;
    await holds(async () => expect(await json(path)).toMatchObject(feed.expected));
    const { items } = await page(`${path}/history`);
    const times = items.map((item) => String(item['occurredAt']));
    expect(items.map((item) => item['streamVersion'])).toEqual(feed.changes.map((_, at) => at + 1));
    const between = await page(`${path}/history?from=${times[3]}&to=${times[8]}`);
    expect(between.items).toEqual(items.slice(3, 8));
    for (let upTo = 1; upTo <= count; upTo++) {
      expect(await json(`${path}?asOf=${times[upTo - 1]}`)).toMatchObject(clientFeed('Past', 0, upTo).expected);
    }
    expect((await product.ask(`${path}?asOf=2001-01-01T00:00:00Z`)).status).toBe(404);
    const unknown = await Promise.all(
      ['', '/history'].map((end) => product.ask(`/v1/clients/001Nobody000000AAA${end}`)),
    );
    expect(unknown.map(({ status }) => status)).toEqual([404, 404]);
  });

  it('S3-04 prints every state that a client had, by whom and when, what made its row, and what a request led to', async () => {
    const feed = clientFeed('Why', 0, 3);
    await run(feed.changes[0]!.forms[0], { 'x-correlation-id': 'why-1' });
    await run(feed.changes[1]!.forms[0], { 'x-correlation-id': 'why-2' });
    await run(feed.changes[2]!.forms[1]);
    const client = `/v1/clients/${feed.clientId}`;
    await holds(async () => expect(await json(client)).toMatchObject(feed.expected));
    const stream = `client/${feed.clientId}`;

    const { items: history } = await page(`${client}/history`);
    const { items: steps } = (await gw('replay', stream, '--steps')) as { items: readonly Step[] };
    expect(steps.map(({ streamVersion }) => streamVersion)).toEqual([1, 2, 3]);
    for (const [at, { state, rows, actor, occurredAt }] of steps.entries()) {
      expect([actor, occurredAt]).toEqual(['developer', history[at]!['occurredAt']]);
      const existence = history[at]!['type'] === 'ClientDeleted' ? 'deleted' : 'known';
      expect(state.value).toMatchObject({ existence, creation: 'seen' });
      const then = (await json(`${client}?asOf=${occurredAt}`)) as Item;
      expect(rows.map(({ key, value }) => [key, value['name'], value['status']])).toEqual([
        [feed.clientId, then['name'], then['status']],
      ]);
    }
    expect(await gw('replay', stream, '--version', '2')).toEqual(steps[1]);

    const row = (await gw('explain', 'row', 'clients.client-list', feed.clientId)) as Lineage;
    expect(row).toMatchObject({ stream, isStored: true, differs: [], isCut: false });
    expect(row.items.map(({ command }) => command)).toEqual(
      Array(3).fill(expect.objectContaining({ type: 'clients.record-change', status: 'processed' })),
    );
    const lastChange = steps.findLast(({ rows: [shown] }) => shown!.changed.includes('name'))!;
    const name = row.columns.find(({ column }) => column === 'name')!;
    expect(name).toMatchObject({ value: ((await json(client)) as Item)['name'], origin: { id: lastChange.id } });

    const [event] = (await page('/v1/events?correlationId=why-2')).items;
    expect(await gw('trace', 'why-2')).toMatchObject({
      tree: [{ kind: 'command', actor: 'developer', status: 'processed', led: [{ id: event!.id, stream, led: [] }] }],
    });
  });

  it('S0-33 pages by number from 1 and up to 100; by cursor while clients arrive, everybody of the start comes once', async () => {
    for (const query of ['page=0', 'page=-1', 'page=1.5', 'page=x', 'page=1&pageSize=0', 'page=1&pageSize=101'])
      expect([query, (await product.ask(`/v1/clients?${query}`)).status]).toEqual([query, 422]);
    expect(await page('/v1/clients?page=1&pageSize=100')).toMatchObject({ page: 1, pageSize: 100 });

    const atStart = clientFeeds('PageA', 120, 1);
    await deliver(atStart, { post });
    const idsNow = async (): Promise<string[]> => (await page('/v1/clients?limit=200')).items.map(({ id }) => id);
    const arrived = atStart.map(({ clientId }) => clientId);
    await holds(async () => expect(await idsNow()).toEqual(expect.arrayContaining(arrived)));
    const present = await idsNow();
    let isArriving = true;
    const arriving = deliver(clientFeeds('Page0', 150, 1), { post }).finally(() => (isArriving = false));
    const walks: string[][] = [];
    while (isArriving || walks.length < 2) {
      const seen: string[] = [];
      for (let next: string | null = ''; next !== null;) {
        const found: Page = await page(`/v1/clients?limit=7${next === '' ? '' : `&cursor=${next}`}`);
        seen.push(...found.items.map(({ id }) => id));
        next = found.next;
      }
      walks.push(seen);
    }
    await arriving;
    for (const seen of walks) {
      expect(new Set(seen).size).toBe(seen.length);
      expect(present.filter((id) => !seen.includes(id))).toEqual([]);
    }
    expect(walks.some((seen) => seen.length > present.length)).toBe(true);
  }, 60_000);

  it(`${FUZZ_COUNT} bad requests are answered 4xx with a code, never 5xx; what is accepted reads back as it came (seed ${SEED})`, async () => {
    const before = [partOf(product, 'api'), partOf(product, 'worker')];
    const target = {
      authorization: product.authorization,
      readPaths: [
        ...['/v1/clients', '/v1/clients/001Kz00000BqLmNIAV', '/v1/clients/x/history', '/v1/events', '/v1/commands'],
        ...['/v1/streams/client/x', '/v1/projections', '/v1/dead-letters', '/v1/operations/x', '/openapi.json'],
      ],
      writePath: () => '/v1/events/salesforce',
      members: oddMembers,
    };
    const faults: string[] = [];
    const accepted = new Map<string, string>();
    const look = ({ request, status, code, text, location }: FuzzAnswer): void => {
      const isAnswered = status !== undefined || request.oversized === true;
      const hasCode = status === undefined || status < 400 || code !== undefined || request.name.includes('HEAD ');
      if (!isAnswered || (status ?? 0) >= 500 || !hasCode)
        faults.push(`${status} to ${request.name}\n${text.slice(0, 500)}`);
      if (status === 202 && request.body !== undefined) accepted.set(location!, request.body.toString());
    };
    await sendRequests(product.url, badRequests(target, { seed: SEED, count: FUZZ_COUNT }), 16, look);
    expect(faults.slice(0, 5)).toEqual([]);
    expect(accepted.size).toBeGreaterThan(100);

    const open = async (): Promise<number> =>
      (await page('/v1/commands?status=pending')).items.length +
      (await page('/v1/commands?status=consumed')).items.length;
    await holds(async () => expect(await open()).toBe(0), 60_000);
    for (const [location, body] of accepted) {
      const command = await (await product.send(location)).text();
      if (behind('payload', /\}$/, command) !== body) faults.push(`other payload in ${command}`);
      const position = /"position":"(\d+)"/.exec(command)?.[1];
      if (position === undefined) continue;
      const events = await (await product.send(`/v1/events?after=${BigInt(position) - 1n}&limit=1`)).text();
      if (behind('data', /\}\],"next":(?:null|"\d+")\}$/, events) !== body) faults.push(`other data in ${events}`);
    }
    expect(faults.slice(0, 5)).toEqual([]);

    expect([partOf(product, 'api'), partOf(product, 'worker')]).toEqual(before);
    for (const port of [ports.management, ports.management + 1])
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect(await json('/v1/projections/clients.client-list')).toMatchObject({ lagEvents: 0, parked: 0 });
    expect(product.lines.filter((line) => /unhandled|uncaught|"level":"error"/i.test(line))).toEqual([]);
  }, 240_000);

  /** The text of the last member of an answer, exactly as it was sent. */
  function behind(member: string, end: RegExp, answer: string): string {
    return answer.slice(answer.indexOf(`"${member}":`) + member.length + 3).replace(end, '');
  }

  /** The members of a change event that is accepted when nothing is done to it. */
  function oddMembers(n: number): string {
    const { forms } = clientFeed('Fuzz', n % 97, 1).changes[0]!;
    return forms[1].replace(/"transactionKey":"[^"]*"/, `"transactionKey":"fuzz-${n}"`).slice(1, -1);
  }

  it('S0-79 no value of a payload stands in any log line, whether it was taken, refused or malformed', async () => {
    const malformed = clientFeed('Wrong', 0, 1).changes[0]!.forms[0];
    expect((await post(malformed.replace('"CREATE"', `"${MARK}"`))).status).toBe(422);
    expect((await post(malformed.slice(0, -2))).status).toBe(400);
    expect((await product.ask(`/v1/clients?search=${MARK}&nonsense=${MARK}`)).status).toBe(422);
    expect((await product.ask(`/v1/clients?search=${MARK}&limit=1`)).status).toBe(200);
    const failed = product.lines.filter((line) => line.includes('A command failed.'));
    expect(failed.length).toBeGreaterThan(0);
    expect(product.lines.filter((line) => line.includes(MARK))).toEqual([]);
  });
});
