import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from '../testing/api-under-test.ts';

interface Operation {
  readonly operationId: string;
  readonly security?: unknown[];
  readonly parameters: { name: string; in: string; required: boolean; schema: object }[];
  readonly requestBody?: { content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}
interface Document {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { securitySchemes: object; schemas: Record<string, object> };
}

let under: ApiUnderTest;
let document: Document;
beforeAll(async () => {
  under = await apiUnderTest();
  document = (await under.api.app.inject({ url: '/openapi.json' })).json<Document>();
});
afterAll(async () => under[Symbol.asyncDispose]());

const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 and covers every endpoint', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Groundwork', version: '0.0.0' } });
    const mounted = under.endpoints.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    expect(
      operations()
        .map(([name]) => name)
        .sort(),
    ).toEqual(mounted.sort());
  });

  it('names every operation once, every path parameter, and an answer that is no error', () => {
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, { parameters, responses }] of operations()) {
      const inPath = parameters
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => `{${parameter.name}}`);
      expect([name, ...inPath.sort()]).toEqual([name, ...(name.match(/\{\w+\}/g) ?? []).sort()]);
      expect(Object.keys(responses).filter((status) => Number(status) < 400).length).toBeGreaterThan(0);
    }
  });

  it('describes every error as a problem, and says who may come in', () => {
    expect(document.components.schemas['Problem']).toMatchObject({
      required: expect.arrayContaining(['code', 'next', 'status']),
    });
    for (const [name, { responses, security }] of operations()) {
      for (const [status, { content }] of Object.entries(responses)) {
        if (Number(status) < 400) continue;
        expect(content).toEqual({ 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } });
      }
      expect([name, security]).toEqual([name, name === 'GET /v1/greeting' ? [] : undefined]);
      if (name !== 'GET /v1/greeting') expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403']));
    }
  });

  it('describes bodies and queries with the schemas that check them, and refers to nothing that is missing', () => {
    const note = document.paths['/v1/notes/{id}']!['put']!;
    expect(note.requestBody!.content['application/json']!.schema).toMatchObject({ type: 'object', required: ['text'] });
    expect(note.parameters).toContainEqual(expect.objectContaining({ name: 'If-Match', in: 'header', required: true }));
    const list = document.paths['/v1/notes']!['get']!;
    expect(list.parameters).toContainEqual(
      expect.objectContaining({
        name: 'limit',
        in: 'query',
        required: false,
        schema: expect.objectContaining({ type: 'integer', maximum: 200 }),
      }),
    );
    expect(list.parameters.map(({ name }) => name)).toContain('Groundwork-Min-Position');
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference);
    expect(new Set(references)).toEqual(new Set(['#/components/schemas/Problem']));
  });
});

describe('/docs', () => {
  it('is a page that needs nothing from elsewhere, under a policy that allows nothing else', async () => {
    const page = await under.api.app.inject({ url: '/docs/' });
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/https:|upgrade-insecure|unsafe-eval/);

    const parts = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, part]) => part!);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      expect(part).toMatch(/^\.?\//);
      expect((await under.api.app.inject({ url: new URL(part, 'http://x/docs/').pathname })).statusCode).toBe(200);
    }
    expect((await under.api.app.inject({ url: '/docs/json' })).json()).toMatchObject({ openapi: '3.1.0' });
  });

  it('can be left out', async () => {
    await using closed = await apiUnderTest({ options: { docs: false } });

    for (const url of ['/docs', '/docs/', '/docs/json', '/openapi.json', '/asyncapi.json']) {
      expect((await closed.api.app.inject({ url })).statusCode).toBe(404);
    }
  });
});
