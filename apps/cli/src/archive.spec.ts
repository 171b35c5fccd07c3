// Deleted clients of the product go into files and come back by `gw archive`; who asks for one sees it either way.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStore } from '@groundwork/application';
import { collected } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { installation, type Installation } from './installation-under-test.ts';

const GONE = '001Kz00000BqLmNIAV';
const LIVING = '001Kz00000AcMe1IAF';
const opened = new AsyncDisposableStack();
let folder: string;
let home: Installation;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gw-archive-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  home = opened.use(await installation({ GW_DATA_DIR: folder, GW_ARCHIVE_DIR: join(folder, 'archive') }));
  await home.tell({ tenant: 'demo', type: 'client', id: GONE }, 'CREATE', 'UPDATE', 'DELETE');
  await home.tell({ tenant: 'demo', type: 'client', id: LIVING }, 'CREATE', 'UPDATE');
  await home.project();
}, 60_000);
afterAll(() => opened.disposeAsync());

const historyOf = async (id: string): Promise<string[]> => {
  const events = home.worker.get(EventStore).readStream('demo' as never, { type: 'client', id } as never);
  return (await collected(events)).map(({ type, position }) => `${position} ${type}`);
};

describe('gw archive', () => {
  it('S1-76 moves deleted clients into files, from which their history is read, and brings them back', async () => {
    const [history, rows] = [await historyOf(GONE), await home.clients('demo')];
    expect(history).toEqual(['1 ClientCreated', '2 ClientUpdated', '3 ClientDeleted']);
    const one = { streams: 1, events: 3 };
    expect(await home.gw('archive', 'run', '--closed-for', '0m', '--dry-run')).toMatchObject({ status: 0, json: one });
    expect(await home.gw('archive', 'run', '--closed-for', '30d')).toMatchObject({ json: { streams: 0 } });
    expect(await home.gw('archive', 'run', '--closed-for', 'long')).toMatchObject({ status: 2 });

    expect(await home.gw('archive', 'run', '--closed-for', '0m')).toMatchObject({
      status: 0,
      json: { ...one, files: 1 },
    });
    const { json } = await home.gw('archive', 'list');
    expect(json).toMatchObject([{ tenant: 'demo', ...one }]);
    expect(readdirSync(join(folder, 'archive/demo'))).toEqual([
      `${(json as { archive_id: string }[])[0]!.archive_id}.jsonl`,
    ]);
    expect(await home.gw('tenants', 'list')).toMatchObject({ json: [{ tenant: 'demo', events: 2 }] });
    expect(await historyOf(GONE)).toEqual(history);
    expect(await home.clients('demo')).toEqual(rows);
    expect(await home.gw('verify')).toMatchObject({ status: 0, json: { findings: [] } });

    expect(await home.gw('archive', 'restore', '--all', `client/${GONE}`)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cli.stream-or-all'),
    });
    expect(await home.gw('archive', 'restore', `client/${GONE}`)).toMatchObject({ status: 0, json: one });
    expect(await home.gw('archive', 'list')).toMatchObject({ json: [] });
    expect(await historyOf(GONE)).toEqual(history);
    expect(await home.gw('verify')).toMatchObject({ status: 0, json: { findings: [] } });
  }, 30_000);
});
