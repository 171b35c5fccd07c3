// Two tenants, and every route that there is: what is mounted later is asked, too.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Clock,
  CommandConsumer,
  CommandPipeline,
  CommandQueue,
  CommandStore,
  EventLog,
  Ids,
  LogSignal,
  Projection,
  ProjectionRunner,
  ProjectionStore,
  TimeLimit,
  Tracer,
  type Endpoint,
} from '@groundwork/application';
import {
  compose,
  contextModules,
  issueDevelopmentToken,
  platformModules,
  readSettings,
  type App,
} from '@groundwork/configuration';
import { eventually, MemoryLogger, MemoryMetrics, testDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiModule } from './api.module.ts';
import { API_ROOTS, apiPorts } from './api-ports.ts';
import { contexts } from './contexts.ts';
import { createApi } from './http/create-api.ts';
import { serveApi } from './http/serve-api.ts';
import { namingQuestions, openQuestions, textsIn, type Question } from './testing/two-tenants.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

const opened = new AsyncDisposableStack();
const CLIENTS_OF = { acme: ['001Kz00000AcMe1IAF', '001Kz0000SharedIQA'], rival: ['001Kz0000SharedIQA'] } as const;
type Tenant = keyof typeof CLIENTS_OF;
let url: string;
let endpoints: readonly Endpoint[];
let worker: App;
const tokens = {} as Record<Tenant, string>;
let project: () => Promise<void>;

beforeAll(async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'groundwork-leaks-'));
  opened.defer(() => rmSync(dataDir, { recursive: true }));
  const database = await testDatabase();
  opened.defer(() => database.drop());
  const settings = readSettings({ GW_DATA_DIR: dataDir, DATABASE_URL: database.url, LOG_LEVEL: 'error' }, contexts);
  const modules = contextModules(contexts, settings);
  const api = opened.use(
    await compose({
      program: 'api',
      modules: [...platformModules(settings, 'api'), ...modules, apiModule],
      roots: API_ROOTS,
    }),
  );
  const workerModules = contextModules(contexts, settings);
  worker = opened.use(
    await compose({ program: 'worker', modules: [...platformModules(settings, 'worker'), ...workerModules] }),
  );
  project = projecting(worker);
  const ports = { ...apiPorts(api, settings.worker), logger: new MemoryLogger() };
  endpoints = ports.endpoints;
  const served = await serveApi(await createApi(ports, { version: '0.0.0', docs: true }), {
    host: '127.0.0.1',
    port: 0,
  });
  opened.defer(() => served.close(1_000));
  url = served.url;
  for (const tenant of ['acme', 'rival'] as const) {
    tokens[tenant] = `Bearer ${await issueDevelopmentToken(settings.security, { tenant, subject: `who-${tenant}` })}`;
    await fill(tenant);
  }
}, 60_000);
afterAll(() => opened.disposeAsync());

const change = (tenant: Tenant, client: string, changeType: 'CREATE' | 'UPDATE'): string =>
  JSON.stringify({
    ChangeEventHeader: {
      entityName: 'Account',
      recordIds: [client],
      changeType,
      transactionKey: `transaction-${tenant}-${client}-${changeType}`,
      sequenceNumber: 1,
      commitTimestamp: 1_778_192_980_000,
      nulledFields: [],
      diffFields: [],
      changedFields: [],
    },
    Name: `name-${tenant}-${client}`,
  });

/** Clients, commands that were processed and that failed, and a parked stream. */
async function fill(tenant: Tenant): Promise<void> {
  for (const client of CLIENTS_OF[tenant]) {
    for (const body of [
      change(tenant, client, 'CREATE'),
      change(tenant, client, 'CREATE').replace('transaction-', 'again-'),
    ]) {
      const posted = await ask(tenant, { method: 'POST', path: '/v1/events/salesforce' }, body);
      expect(posted.status).toBe(202);
    }
  }
  await runCommands(worker);
  await project();
  if (tenant === 'acme') await park(CLIENTS_OF.acme[0]);
}

async function park(client: string): Promise<void> {
  const store = worker.get(ProjectionStore);
  const [projection] = worker.getAll(Projection);
  const [slice] = await store.lease(projection!, 'worker', 60_000, 1);
  await store.advance(projection!, slice!, slice!.position, async (tx) =>
    tx.park({
      projection: projection!.name,
      slice: slice!.slice,
      stream: { tenant: 'acme', type: 'client', id: client },
      position: 1n,
      eventId: crypto.randomUUID(),
      eventType: 'ClientUpdated',
      attempts: 5,
      error: { code: 'test.acme-poison', message: 'It cannot be applied.' },
    }),
  );
}

async function ask(tenant: Tenant, { method, path }: Question, body = '{}'): Promise<Answer> {
  const headers = {
    authorization: tokens[tenant],
    'x-correlation-id': `correlation-${tenant}`,
    ...(method === 'GET' || method === 'DELETE' ? {} : { 'content-type': 'application/json' }),
  };
  const leaving = new AbortController();
  const sent = { method, headers, signal: leaving.signal, ...(headers['content-type'] === undefined ? {} : { body }) };
  const answer = await fetch(url + path, sent);
  if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) {
    return { status: answer.status, text: await answer.text() };
  }
  leaving.abort();
  return { status: answer.status, text: '' };
}

async function runCommands(app: App): Promise<void> {
  const queue = app.get(CommandQueue);
  const [clock, logger, metrics] = [app.get(Clock), new MemoryLogger(), new MemoryMetrics()];
  const ports = { queue, store: app.get(CommandStore), pipeline: app.get(CommandPipeline), clock, logger, metrics };
  const stop = new AbortController();
  const running = new CommandConsumer(ports, { owner: 'worker' }).run(stop.signal);
  await eventually(async () => (await queue.backlog()).open === 0);
  stop.abort();
  await running;
}

function projecting(app: App): () => Promise<void> {
  const ports = {
    store: app.get(ProjectionStore),
    log: app.get(EventLog),
    signal: app.get(LogSignal),
    clock: app.get(Clock),
    ids: app.get(Ids),
    timeLimit: app.get(TimeLimit),
    tracer: app.get(Tracer),
    logger: new MemoryLogger(),
    metrics: new MemoryMetrics(),
  };
  const runners = app.getAll(Projection).map((each) => new ProjectionRunner(each, ports, { owner: 'worker' }));
  return async () => {
    for (const runner of runners) while (await runner.runOnce());
  };
}

type Answers = Map<string, Answer>;

/** What a tenant is told when it asks for everything. */
async function listsOf(tenant: Tenant): Promise<Answers> {
  const questions = openQuestions(endpoints);
  return new Map(await each(questions, async (question) => [question.path, await ask(tenant, question)] as const));
}

/** What it is told of each thing by its name. */
async function thingsOf(tenant: Tenant, names: readonly string[], words: readonly string[]): Promise<Answers> {
  const reads = endpoints.filter(({ method }) => method === 'GET');
  const questions = [...namingQuestions(reads, names, words)];
  const answers = await each(questions, async (question) => [question.path, await ask(tenant, question)] as const);
  return new Map(answers.filter(([, { status }]) => status === 200));
}

/** Eight at a time: what takes time is the way there and back. */
async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const lane = async (): Promise<void> => {
    for (const [at, item] of left) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return results;
}

const textsOf = (answers: Answers): string[] => [...answers.values()].flatMap(textsOfOne);
const textsOfOne = ({ text }: Answer): string[] => (text.startsWith('{') ? textsIn(JSON.parse(text)) : []);
/** Not times, numbers, long texts, nor the words of the product (states, columns, codes), which name no tenant. */
const isName = (text: string): boolean =>
  text.length <= 200 &&
  !/^(\d{4}-\d\d-\d\dT.*|\d*)$/.test(text) &&
  (!/^[a-z]+([._-][a-z]+)*$/.test(text) || /acme|rival/.test(text));
const namesOf = (answers: Answers, other: Answers): string[] => {
  const known = new Set(textsOf(other));
  const isSecret = (text: string): boolean => isName(text) && !known.has(text);
  return [...new Set([...answers.values()].flatMap((answer) => fewOfEachShape(textsOfOne(answer).filter(isSecret))))];
};
/** A list of forty ids asks the same question forty times. */
const fewOfEachShape = (texts: readonly string[]): string[] =>
  [...Map.groupBy(new Set(texts), (text) => text.replaceAll(/[0-9a-f]{4,}|\d+/g, '0')).values()].flatMap((alike) =>
    alike.slice(0, 2),
  );
/** Types of streams and names of projections: what may stand in a path beside a name. */
const wordsOf = (answers: Answers): string[] =>
  [
    ...new Set(textsOf(answers).flatMap((text) => /^([a-z-]+)\/|^([a-z]+\.[a-z-]+)$/.exec(text)?.slice(1) ?? [])),
  ].filter((word) => word !== undefined);

describe('every route, asked by two tenants', () => {
  it('S1-05 tells the one nothing of the other: no id, no name, 404 for what is the other’s, and changes nothing', async () => {
    const [acmeLists, rivalLists] = [await listsOf('acme'), await listsOf('rival')];
    const words = wordsOf(rivalLists);
    const acme = new Map([...acmeLists, ...(await thingsOf('acme', namesOf(acmeLists, rivalLists), words))]);
    const rival = new Map([...rivalLists, ...(await thingsOf('rival', namesOf(rivalLists, acmeLists), words))]);
    const secrets = namesOf(acme, rival);
    const [onlyTheirs, alsoMine] = CLIENTS_OF.acme;
    expect(secrets).toEqual(
      expect.arrayContaining([
        onlyTheirs,
        `client/${onlyTheirs}`,
        `name-acme-${alsoMine}`,
        'correlation-acme',
        'who-acme',
        'test.acme-poison',
      ]),
    );
    const questions = [...openQuestions(endpoints), ...namingQuestions(endpoints, secrets, words)];
    const leaks = await each(questions, async (question) => {
      const { status, text } = await ask('rival', question);
      const { method, path, names } = question;
      const isEcho = (secret: string): boolean =>
        names !== undefined && (secret.includes(names) || names.includes(secret));
      const told = secrets.filter((secret) => text.includes(secret) && !isEcho(secret));
      const isFound = names !== undefined && !path.includes('?') && acme.has(path) && status !== 404;
      const isDone = method !== 'GET' && status < 400;
      return told.length > 0 || isFound || isDone ? [`${method} ${path}: ${status} ${told.join(', ')}`] : [];
    });
    expect(leaks.flat()).toEqual([]);
    expect(questions.length).toBeGreaterThan(endpoints.length * 10);
    for (const [path, { text }] of acme) {
      if (!path.startsWith('/v1/projections'))
        expect([path, text]).toEqual([path, (await ask('acme', { method: 'GET', path })).text]);
    }
  }, 180_000);

  it('S1-05 follows the events of its own tenant only, also from the beginning', async () => {
    const leaving = new AbortController();
    const headers = { authorization: tokens.rival };
    const answer = await fetch(`${url}/v1/events/stream?after=0`, { headers, signal: leaving.signal });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body!) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('name-rival')) break;
    }
    leaving.abort();
    expect(text).toContain('name-rival');
    expect(text).not.toContain('acme');
  });

  it('S1-77 shows each how far its own events are, and how many of its own streams are parked', async () => {
    await ask('acme', { method: 'POST', path: '/v1/events/salesforce' }, change('acme', CLIENTS_OF.acme[1], 'UPDATE'));
    await runCommands(worker);

    const numbersOf = async (tenant: Tenant): Promise<unknown> => {
      const { text } = await ask(tenant, { method: 'GET', path: '/v1/projections/clients.client-list' });
      return JSON.parse(text) as unknown;
    };
    expect(await numbersOf('rival')).toMatchObject({ lagEvents: 0, lagSeconds: 0, rate: null, parked: 0 });
    expect(await numbersOf('acme')).toMatchObject({ lagEvents: 1, rate: null, parked: 1 });
  });
});
