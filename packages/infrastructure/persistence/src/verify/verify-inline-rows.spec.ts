// Rows that are stored with the append are ahead of their worker: a verification compares them as they are.
import { HandlerCalls, inlineProjection } from '@groundwork/application';
import { newEvent, newStream, newTenant, noteList, noteTypes, VmTimeLimit } from '@groundwork/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  postgresProjectionsUnderTest,
  type PostgresProjectionsUnderTest,
} from '../postgres/postgres-projections-under-test.ts';
import { verifyDatabase } from './verify-database.ts';
import type { Finding } from './findings.ts';

const inlineList = inlineProjection(noteList);
let ports: PostgresProjectionsUnderTest;
beforeAll(async () => {
  ports = await postgresProjectionsUnderTest(inlineList, noteTypes);
});
afterAll(() => ports.close());

async function found(): Promise<readonly Finding[]> {
  const handlers = new HandlerCalls(new VmTimeLimit(), 500);
  const inspected = { types: noteTypes, projections: [inlineList], handlers, sampleSize: 10 };
  return (await verifyDatabase(ports.url, { ...inspected, onProgress: () => undefined })).findings;
}

it('finds nothing in rows whose worker is paused, until one of them is changed', async () => {
  await ports.store.register(inlineList, 2);
  await ports.store.setState(inlineList.name, 'paused');
  const [tenant, stream] = [newTenant(), newStream()];
  for (const text of ['one', 'two', 'three']) {
    await ports.events.append({ tenant, stream, expected: 'any', events: [newEvent('NoteWritten', { text })] });
  }
  expect(await found()).toEqual([]);
  await ports.administrator.query("update contract.note set text = 'forged'");
  expect(await found()).toMatchObject([{ check: 'row-differs', places: [expect.stringMatching(/: text$/)] }]);
});
