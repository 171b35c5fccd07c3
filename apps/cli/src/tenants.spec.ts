// A tenant of the product goes from one installation to another by `gw tenants`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandStore } from '@groundwork/application';
import { newCommand } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { installation, type Installation } from './installation-under-test.ts';

const CLIENTS = ['001Kz00000BqLmNIAV', '001Kz00000AcMe1IAF'];
const opened = new AsyncDisposableStack();
let folder: string;
let [home, elsewhere]: Installation[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gw-tenants-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  home = opened.use(await installation({ GW_DATA_DIR: folder }));
  elsewhere = opened.use(await installation({ GW_DATA_DIR: folder }));
  for (const tenant of ['acme', 'rival']) {
    for (const id of CLIENTS) await home.tell({ tenant, type: 'client', id }, 'CREATE', 'UPDATE');
  }
  await home.worker.get(CommandStore).accept(newCommand({ tenant: 'acme' as never }));
  await home.project();
}, 60_000);
afterAll(() => opened.disposeAsync());

describe('gw tenants', () => {
  it('S1-73 exports a tenant, imports it into an empty instance with identical read models, and drops it', async () => {
    const export_ = join(folder, 'acme');
    const before = await home!.clients('acme');
    expect(before).toMatchObject(
      CLIENTS.toSorted().map((id) => ({ aggregate_id: id, name: 'acme UPDATE', stream_version: 2 })),
    );

    const exported = await home!.gw('tenants', 'export', 'acme', export_);
    expect(exported).toMatchObject({ status: 0, json: { tenant: 'acme', firstPosition: '1', lastPosition: '4' } });
    expect(await elsewhere!.gw('tenants', 'import', export_)).toMatchObject({
      status: 0,
      json: { imported: { 'groundwork.event': 4, 'groundwork.command': 1 } },
    });
    await elsewhere!.project();
    expect(await elsewhere!.clients('acme')).toEqual(before);

    expect(await home!.gw('tenants', 'drop', 'acme')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cli.unconfirmed'),
    });
    expect(await home!.clients('acme')).toEqual(before);
    expect(await home!.gw('tenants', 'drop', 'acme', '--yes', 'acme')).toMatchObject({
      status: 0,
      json: { rows: { 'groundwork.event': 4, 'clients.client': 2, 'groundwork.command': 1 } },
    });
    expect(await home!.clients('acme')).toEqual([]);
    expect(await home!.gw('tenants', 'list')).toMatchObject({ json: [{ tenant: 'rival', events: 4 }] });
    expect(await home!.gw('tenants', 'list', '--dropped')).toMatchObject({
      json: [{ tenant: 'acme', droppedBy: expect.any(String), droppedAt: expect.any(String) }],
    });
    expect(await home!.gw('tenants', 'export', 'acme', join(folder, 'gone'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('tenant.unknown'),
    });
  }, 60_000);
});
