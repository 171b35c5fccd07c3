// Rebuilds over HTTP: who may begin which, and where to look for what becomes of them.
import type { Projection } from '@groundwork/application';
import { newEvent } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from './testing/api-under-test.ts';

const list: Projection = {
  name: 'notes.list',
  schemaVersion: 1,
  table: { schema: 'notes', name: 'note', columns: { id: 'text' }, key: 'id' },
  eventTypes: ['NoteWritten'],
  keyOf: (event) => event.stream.id,
  streamOf: (id) => ({ type: 'note', id }),
  apply: (_row, event) => ({ id: event.stream.id }),
};
const { streamOf: _, ...untold } = list;
const projections = [list, { ...untold, name: 'notes.untold' }];

let under: ApiUnderTest;
beforeAll(async () => {
  under = await apiUnderTest({ projections });
  for (const projection of projections) await under.projections.register(projection, 1);
  await under.events.append({
    tenant: 'demo' as never,
    stream: { type: 'note', id: 'a' },
    expected: 'no-stream',
    events: [newEvent('NoteWritten', {})],
  });
});
afterAll(async () => under[Symbol.asyncDispose]());

async function call(method: 'GET' | 'POST', url: string, role = 'admin') {
  const headers = await under.authorization({ role });
  const answer = await under.api.app.inject({ method, url, headers });
  return { status: answer.statusCode, location: answer.headers['location'], body: answer.json() };
}
const stream = (name: string, text: string): string => `/v1/projections/${name}/rebuild-stream?stream=${text}`;

describe('the rebuild of one stream', () => {
  it('is a command of the tenant: 202, and its Location tells what became of it', async () => {
    const { status, location, body } = await call('POST', stream('notes.list', 'note/a'), 'operator');
    expect([status, body]).toEqual([202, { id: body.id, status: 'pending', links: { command: location } }]);
    expect((await call('GET', location!)).body).toMatchObject({
      type: 'platform.rebuild-stream',
      payload: { projection: 'notes.list', stream: 'note/a' },
    });
  });

  it.each([
    ['viewer', stream('notes.list', 'note/a'), 403, 'security.not-permitted'],
    ['admin', stream('notes.unheard-of', 'note/a'), 404, 'projection.unknown'],
    ['admin', stream('notes.list', 'a'), 422, 'stream.malformed'],
    ['admin', '/v1/projections/notes.list/rebuild-stream', 422, 'http.invalid-request'],
    ['admin', stream('notes.untold', 'note/a'), 409, 'projection.rows-without-stream'],
  ])('is refused to %s at %s with %d %s', async (role, url, status, code) => {
    expect(await call('POST', url, role)).toMatchObject({ status, body: { code } });
  });
});

describe('operations', () => {
  it('are listed with the newest first, for one projection or all, to tenants without what tells of others', async () => {
    const begun = await call('POST', '/v1/projections/notes.list/repair', 'installation-operator');
    const shadow = await call('POST', '/v1/projections/notes.untold/shadow', 'installation-operator');
    expect([begun.status, shadow.status]).toEqual([202, 202]);
    const ids = async (query = '') =>
      (await call('GET', `/v1/operations${query}`)).body.items.map(({ id }: { id: string }) => `/v1/operations/${id}`);
    expect(await ids()).toEqual([shadow.location, begun.location]);
    expect(await ids('?limit=1')).toEqual([shadow.location]);
    expect(await ids('?projection=notes.list')).toEqual([begun.location]);

    const [open] = await under.rebuilds.open();
    await under.rebuilds.failed(open!, 'something of another tenant');
    const errors = async (role: string) =>
      (await call('GET', '/v1/operations?projection=notes.list', role)).body.items[0].errors;
    expect(await errors('installation-operator')).toEqual(['something of another tenant']);
    expect(await errors('viewer')).toEqual(['Those who run the installation see what is wrong.']);
  });

  it('cannot be begun by a role that ends at its tenant', async () => {
    for (const verb of ['rebuild', 'repair', 'shadow', 'switch', 'cancel', 'rollback', 'drop-previous']) {
      expect((await call('POST', `/v1/projections/notes.list/${verb}`, 'operator')).status).toBe(403);
    }
  });
});
