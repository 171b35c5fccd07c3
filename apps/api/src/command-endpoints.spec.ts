import { newCommand, newId } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from './testing/api-under-test.ts';

let under: ApiUnderTest;
const tokens: Record<string, { authorization: string }> = {};
beforeAll(async () => {
  under = await apiUnderTest();
  for (const role of ['viewer', 'operator', 'admin']) tokens[role] = await under.authorization({ role });
  tokens['foreign'] = await under.authorization({ tenant: 'other' });
});
afterAll(async () => under[Symbol.asyncDispose]());

const call = async (url: string, method: 'GET' | 'POST' = 'GET', token = 'admin') => {
  const answer = await under.api.app.inject({ url, method, headers: tokens[token]! });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
};

describe('/v1/commands', () => {
  const accepted = async (form: object = {}) =>
    (await under.commands.accept(newCommand({ tenant: 'demo' as never, ...form }))).command;
  const settled = async (outcome: 'complete' | 'fail') => {
    const command = await accepted();
    for (const claimed of await under.commands.claim('worker', 100, 10_000)) {
      if (claimed.id !== command.id) await under.commands.release(claimed, 'worker', 1e9);
      else if (outcome === 'complete')
        await under.commands.complete(claimed, 'worker', { position: '7', streamVersion: 2 });
      else await under.commands.fail(claimed, 'worker', { code: 'notes.rejected', message: 'no', next: 'try another' });
    }
    return command;
  };

  it('/{id} says what became of it, with the position once it is processed', async () => {
    const pending = await accepted();
    const processed = await settled('complete');

    const before = await call(`/v1/commands/${pending.id}`);
    expect([before.status, before.body.status, before.headers['groundwork-position']]).toEqual([
      200,
      'pending',
      undefined,
    ]);
    const after = await call(`/v1/commands/${processed.id}`);
    expect(after.headers['groundwork-position']).toBe('7');
    expect(after.body).toMatchObject({
      id: processed.id,
      status: 'processed',
      result: { position: '7', streamVersion: 2 },
      error: null,
    });
  });

  it('/{id} shows the payload only to those who may read payloads', async () => {
    const { id } = await accepted();

    expect((await call(`/v1/commands/${id}`)).body).toHaveProperty('payload');
    expect((await call(`/v1/commands/${id}`, 'GET', 'operator')).body).not.toHaveProperty('payload');
  });

  it('/{id} is shown to the subject that sent it, whatever else it may do, and to nobody else without platform:read', async () => {
    const sender = await under.authorization({ role: 'ingest', subject: 'feed' });
    const others = await under.authorization({ role: 'ingest', subject: 'other-feed' });
    const namesake = await under.authorization({ tenant: 'other', role: 'ingest', subject: 'feed' });
    const { id } = await accepted({ actor: { subject: 'feed', permissions: ['notes:write'] } });
    const ask = async (headers: { authorization: string }, asked: string = id) => {
      const answer = await under.api.app.inject({ url: `/v1/commands/${asked}`, headers });
      return [answer.statusCode, answer.json().code ?? answer.json().status, 'payload' in answer.json()];
    };

    expect(await ask(sender)).toEqual([200, 'pending', false]);
    expect(await ask(tokens['viewer']!)).toEqual([200, 'pending', false]);
    for (const stranger of [others, namesake]) {
      // Whether there is such a command is not told either.
      expect(await ask(stranger)).toEqual([403, 'security.not-permitted', false]);
      expect(await ask(stranger, newId())).toEqual([403, 'security.not-permitted', false]);
    }
    expect((await under.api.app.inject({ url: `/v1/commands/${id}` })).statusCode).toBe(401);
  });

  it('that have not failed are not run again: 409, and they go on as they were', async () => {
    const pending = await accepted();
    const consumed = await accepted({ consumedBy: { owner: 'worker', leaseMs: 60_000 } });
    const processed = await settled('complete');

    for (const [{ id }, status] of [
      [pending, 'pending'],
      [consumed, 'consumed'],
      [processed, 'processed'],
    ] as const) {
      const retried = await call(`/v1/commands/${id}/retry`, 'POST', 'operator');
      expect([retried.status, retried.body.code]).toEqual([409, 'command.not-failed']);
      expect(retried.body.detail).toContain(status);
      expect((await call(`/v1/commands/${id}`)).body.status).toBe(status);
    }
  });

  it('a rejection is listed with its reason and can be run again', async () => {
    const { id } = await settled('fail');

    const rejections = (await call('/v1/commands?status=failed')).body.items;
    expect(rejections).toContainEqual(
      expect.objectContaining({ id, error: { code: 'notes.rejected', message: 'no', next: 'try another' } }),
    );
    const retried = await call(`/v1/commands/${id}/retry`, 'POST', 'operator');
    expect([retried.status, retried.headers['location'], retried.body.status]).toEqual([
      202,
      `/v1/commands/${id}`,
      'pending',
    ]);
    expect((await call('/v1/commands?status=failed')).body.items).not.toContainEqual(expect.objectContaining({ id }));
  });

  it('are paged, newest first', async () => {
    const newest = [(await accepted()).id, (await accepted()).id, (await accepted()).id].reverse();
    const first = await call('/v1/commands?limit=2');
    const second = await call(`/v1/commands?limit=2&cursor=${first.body.next}`);

    expect([...first.body.items, ...second.body.items].slice(0, 3).map(({ id }: { id: string }) => id)).toEqual(newest);
  });

  it('of others, unknown ones and processed ones cannot be reached or run again', async () => {
    const processed = await settled('complete');

    expect((await call(`/v1/commands/${processed.id}`, 'GET', 'foreign')).status).toBe(404);
    expect((await call(`/v1/commands/${processed.id}/retry`, 'POST', 'foreign')).status).toBe(404);
    expect((await call(`/v1/commands/${processed.id}/retry`, 'POST', 'viewer')).status).toBe(403);
    expect((await call(`/v1/commands/${processed.id}/retry`, 'POST')).body.code).toBe('command.not-failed');
    expect((await call('/v1/commands/01980f3c-0000-7000-8000-000000000000')).body.code).toBe('command.unknown');
    expect((await call('/v1/commands/x')).status).toBe(422);
  });
});
