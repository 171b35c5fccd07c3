// The part of the contract about accepting commands and looking at them.
import { describe, expect, it } from '@jest/globals';
import { Conflict, ExactJson, type NewCommand, type StoredCommand } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import { newId, newTenant } from '../new-event.ts';
import type { CommandStoreUnderTest } from './command-store-contract.ts';
import { newCommand } from './new-command.ts';

export function describeAccepting(store: () => CommandStoreUnderTest): void {
  describe('accepting', () => {
    describeStoring(store);
    describeTurns(store);
    describeIdempotencyKeys(store);
    describeLooking(store);
  });
}

function describeStoring(store: () => CommandStoreUnderTest): void {
  it('stores a command as pending, exactly as it came', async () => {
    const command = newCommand({
      payload: new ExactJson('{ "commitNumber" : 1778192987716501507, "b":1, "a":-0 }'),
      orderKeys: ['client/2', 'client/1'],
      idempotencyKey: 'key-1',
      causationId: 'cause-1',
      requestId: 'request-1',
      ifMatch: 7,
    });
    const accepted = await store().commands.accept(command);
    const stored = await store().commands.get(command.tenant, command.id);

    expect(accepted.repeated).toBe(false);
    expect(stored).toEqual(accepted.command);
    expect(stored).toMatchObject({ ...command, status: 'pending', attempts: 0, result: undefined, error: undefined });
    expect(stored!.payload).toBeInstanceOf(ExactJson);
    expect(stored!.acceptedAt).toBeInstanceOf(Date);
    expect(stored!.updatedAt).toEqual(stored!.acceptedAt);
  });

  it('leaves out what a command does not have', async () => {
    const command = newCommand();
    await store().commands.accept(command);
    const stored = await store().commands.get(command.tenant, command.id);
    expect(stored).toMatchObject({ idempotencyKey: undefined });
    expect([stored!.causationId, stored!.requestId, stored!.ifMatch]).toEqual([undefined, undefined, undefined]);
  });

  it('stores a command as consumed when the accepting process runs it itself', async () => {
    const command = newCommand({ consumedBy: { owner: 'api-1', leaseMs: 60_000 } });
    const accepted = await store().commands.accept(command);
    expect(accepted.command).toMatchObject({ status: 'consumed', attempts: 1 });
    expect(await store().queue.claim('worker-1', 10, 60_000)).toEqual([]);
    await store().commands.complete(accepted.command, 'api-1', { streamVersion: 1 });
    expect(await store().commands.get(command.tenant, command.id)).toMatchObject({ status: 'processed' });
  });

  it('does not show a command to another tenant', async () => {
    const command = newCommand();
    await store().commands.accept(command);
    const stranger = newTenant();
    expect(await store().commands.get(stranger, command.id)).toBeUndefined();
    expect(await store().commands.list(stranger, { limit: 10 })).toEqual([]);
    expect(await store().commands.retry(stranger, command.id)).toBeUndefined();
    expect(await store().commands.get(command.tenant, newId())).toBeUndefined();
  });
}

function describeTurns(store: () => CommandStoreUnderTest): void {
  const ofApi = { consumedBy: { owner: 'api-1', leaseMs: 60_000 } };

  it('lets no process run at once what shares an order key with an open command: it is pending, to be run in order', async () => {
    const tenant = newTenant();
    const accept = async (form: Partial<NewCommand>): Promise<StoredCommand> =>
      (await store().commands.accept(newCommand({ tenant, ...form }))).command;
    const first = await accept({ orderKeys: ['x'] });
    const behind = await accept({ orderKeys: ['y', 'x'], ...ofApi });
    expect(behind).toMatchObject({ status: 'pending', attempts: 0 });
    // What waits is waited for, too.
    expect(await accept({ orderKeys: ['y'], ...ofApi })).toMatchObject({ status: 'pending' });
    expect(await accept({ orderKeys: ['z'], ...ofApi })).toMatchObject({ status: 'consumed' });
    expect(await accept({ orderKeys: ['z'], ...ofApi })).toMatchObject({ status: 'pending' });
    expect(await accept({ ...ofApi })).toMatchObject({ status: 'consumed' });
    expect(await accept({ tenant: newTenant(), orderKeys: ['x'], ...ofApi })).toMatchObject({ status: 'consumed' });

    const [claimed] = await store().queue.claim('worker-1', 1, 60_000);
    expect(claimed!.id).toBe(first.id);
    expect(await accept({ orderKeys: ['x'], ...ofApi })).toMatchObject({ status: 'pending' });
    await store().commands.complete(claimed!, 'worker-1', {});
    expect((await store().queue.claim('worker-1', 1, 60_000))[0]).toMatchObject({ id: behind.id, attempts: 1 });
  });

  it('lets one of 50 run at once that are accepted at the same time and share an order key', async () => {
    const tenant = newTenant();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        store().commands.accept(newCommand({ tenant, orderKeys: [`own-${n}`, 'x'], ...ofApi })),
      ),
    );
    const consumed = answers.filter(({ command }) => command.status === 'consumed');
    expect(consumed).toHaveLength(1);
    const accepted = await store().commands.list(tenant, { limit: 100 });
    expect(accepted.at(-1)!.id).toBe(consumed[0]!.command.id);
  });

  it('wakes a worker for what it was not let run at once', async () => {
    const { commands, queue } = store();
    const tenant = newTenant();
    const untilWokenBy = async (form: Partial<NewCommand>): Promise<void> => {
      let isWoken = false;
      void queue.waitForCommands(60_000).then(() => (isWoken = true));
      await eventually(async () => {
        await commands.accept(newCommand({ tenant, orderKeys: ['x'], ...form }));
        return isWoken;
      });
    };
    await untilWokenBy({});
    // The last signal of these may still be under way.
    await queue.waitForCommands(50);
    await untilWokenBy(ofApi);
  });
}

function describeIdempotencyKeys(store: () => CommandStoreUnderTest): void {
  it('makes one command of 50 simultaneous ones with the same key', async () => {
    const tenant = newTenant();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => store().commands.accept(newCommand({ tenant, idempotencyKey: 'key-1' }))),
    );
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(new Set(answers.map(({ command }) => command.id)).size).toBe(1);
    expect(await store().commands.list(tenant, { limit: 100 })).toHaveLength(1);
  });

  it('answers a repeated key with the first command, its result included', async () => {
    const tenant = newTenant();
    const first = newCommand({ tenant, idempotencyKey: 'key-1' });
    await store().commands.accept(first);
    const [claimed] = await store().queue.claim('worker-1', 1, 60_000);
    await store().commands.complete(claimed!, 'worker-1', { position: '9007199254740993', streamVersion: 3 });

    const again = await store().commands.accept(newCommand({ tenant, idempotencyKey: 'key-1' }));
    expect(again.repeated).toBe(true);
    expect(again.command).toMatchObject({
      id: first.id,
      status: 'processed',
      result: { position: '9007199254740993', streamVersion: 3 },
    });
  });

  it('refuses a key that was used for other content, and stores nothing', async () => {
    const tenant = newTenant();
    await store().commands.accept(newCommand({ tenant, idempotencyKey: 'key-1' }));
    const other = store().commands.accept(
      newCommand({ tenant, idempotencyKey: 'key-1', fingerprint: 'fingerprint-2' }),
    );
    await expect(other).rejects.toBeInstanceOf(Conflict);
    await expect(other).rejects.toMatchObject({ code: 'command.idempotency-key-reused' });
    expect(await store().commands.list(tenant, { limit: 100 })).toHaveLength(1);
  });

  it('keeps the keys of tenants apart, and commands without key', async () => {
    const tenant = newTenant();
    for (const command of [newCommand({ idempotencyKey: 'key-1' }), newCommand({ idempotencyKey: 'key-1' })]) {
      expect((await store().commands.accept(command)).repeated).toBe(false);
    }
    await store().commands.accept(newCommand({ tenant }));
    await store().commands.accept(newCommand({ tenant }));
    expect(await store().commands.list(tenant, { limit: 10 })).toHaveLength(2);
  });
}

function describeLooking(store: () => CommandStoreUnderTest): void {
  it('lists newest first, by status, page after page', async () => {
    const tenant = newTenant();
    const commands = Array.from({ length: 5 }, () => newCommand({ tenant }));
    for (const command of commands) await store().commands.accept(command);
    const ids = commands.map(({ id }) => id).reverse();
    const firstPage = await store().commands.list(tenant, { limit: 2 });
    const secondPage = await store().commands.list(tenant, { limit: 10, before: firstPage[1]!.id });
    expect([...firstPage, ...secondPage].map(({ id }) => id)).toEqual(ids);

    const [oldest] = await store().queue.claim('worker-1', 1, 60_000);
    await store().commands.fail(oldest!, 'worker-1', { code: 'note.refused', message: 'No.' });
    const idsOf = async (status: 'pending' | 'failed'): Promise<string[]> =>
      (await store().commands.list(tenant, { status, limit: 10 })).map(({ id }) => id);
    expect(await idsOf('failed')).toEqual([commands[0]!.id]);
    expect(await idsOf('pending')).toEqual(ids.slice(0, 4));
  });

  it('finds several commands by their ids, those of the tenant only', async () => {
    const tenant = newTenant();
    const [first, second, foreign] = [newCommand({ tenant }), newCommand({ tenant }), newCommand()];
    for (const command of [first, second, foreign]) await store().commands.accept(command);
    const found = await store().commands.getAll(tenant, [second.id, foreign.id, first.id, newId()]);
    expect(found.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
    expect(await store().commands.getAll(tenant, [])).toEqual([]);
  });

  it('lists the commands of one correlation, oldest first, page after page', async () => {
    const [tenant, correlationId] = [newTenant(), 'order-4711'];
    const ours = Array.from({ length: 3 }, () => newCommand({ tenant, correlationId }));
    for (const command of [...ours, newCommand({ tenant }), newCommand({ correlationId })]) {
      await store().commands.accept(command);
    }
    const first = await store().commands.ofCorrelation(tenant, correlationId, { limit: 2 });
    const second = await store().commands.ofCorrelation(tenant, correlationId, { limit: 2, after: first.at(-1)!.id });
    expect([first, second].map((page) => page.map(({ id }) => id))).toEqual([
      ours.slice(0, 2).map(({ id }) => id),
      [ours[2]!.id],
    ]);
  });
}
