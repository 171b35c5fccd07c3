// How an endpoint runs a command at once, and what a repeated request is answered.
import { describe, expect, it } from '@jest/globals';
import { Conflict, InvalidInput, Unavailable, VersionConflict } from '@groundwork/application';
import { Refusal } from '@groundwork/domain';
import { eventually } from '../eventually.ts';
import { newTenant } from '../new-event.ts';
import type { CommandStoreUnderTest } from './command-store-contract.ts';
import {
  newCommands,
  newConsumer,
  submission,
  untilStatus,
  whileRunning,
  type HandleNote,
} from './commands-under-test.ts';

type Store = () => CommandStoreUnderTest;

export function describeExecuting(store: Store): void {
  describe('at once', () => {
    describeResults(store);
    describeTurns(store);
    describeRepetition(store);
    describeUnknownOutcomes(store);
  });
}

function describeResults(store: Store): void {
  it('answers with the result and keeps it', async () => {
    const tenant = newTenant();
    const commands = newCommands(store(), async ({ text }) => ({ streamVersion: 1, text }));
    const executed = await commands.execute(submission('hello', { tenant }));
    expect(executed).toMatchObject({ result: { streamVersion: 1, text: 'hello' }, repeated: false });
    expect(await store().commands.get(tenant, executed.commandId)).toMatchObject({
      status: 'processed',
      result: executed.result,
    });
  });

  it('throws a refusal on and keeps it', async () => {
    const tenant = newTenant();
    const commands = newCommands(store(), async () => {
      throw new Refusal('note.refused', 'No.', 'Ask again.');
    });
    await expect(commands.execute(submission('hello', { tenant }))).rejects.toMatchObject({ code: 'note.refused' });
    const [failed] = await store().commands.list(tenant, { limit: 1 });
    expect(failed).toMatchObject({
      status: 'failed',
      error: { code: 'note.refused', message: 'No.', next: 'Ask again.' },
    });
  });

  it('stores a command that is to run later, and leaves it to the worker', async () => {
    const tenant = newTenant();
    const { command } = await newCommands(store(), async () => ({})).accept(submission('later', { tenant }));
    expect(command.status).toBe('pending');
    expect((await store().queue.claim('worker-1', 1, 60_000))[0]!.id).toBe(command.id);
  });
}

function describeTurns(store: Store): void {
  it('waits for its turn behind an open command with a common order key, and answers with what the worker made of it', async () => {
    const [tenant, order] = [newTenant(), [] as string[]];
    const handle: HandleNote = async ({ text }) => {
      order.push(text);
      return { text };
    };
    const commands = newCommands(store(), handle);
    const form = { tenant, orderKeys: ['x'] };
    await commands.accept(submission('first', form));
    const executed = commands.execute(submission('second', form));
    await eventually(async () => (await store().commands.list(tenant, { limit: 2 })).length === 2);
    expect(order).toEqual([]);
    await whileRunning([newConsumer(store(), handle)], async () => {
      expect(await executed).toMatchObject({ result: { text: 'second' }, repeated: false });
    });
    expect(order).toEqual(['first', 'second']);
  });

  it('tells that its turn has not come in time, and where to ask', async () => {
    const [tenant, form] = [newTenant(), { orderKeys: ['x'], idempotencyKey: 'key-1' }];
    let runs = 0;
    const commands = newCommands(store(), async () => ({ run: ++runs }), { waitMs: 30 });
    await commands.accept(submission('first', { tenant, orderKeys: ['x'] }));
    for (let n = 0; n < 2; n++) {
      const error: unknown = await commands.execute(submission('second', { tenant, ...form })).catch((e: unknown) => e);
      const [waiting] = await store().commands.list(tenant, { limit: 1 });
      expect(waiting).toMatchObject({ status: 'pending', idempotencyKey: 'key:key-1' });
      expect(error).toMatchObject({
        code: 'command.still-running',
        next: expect.stringContaining(`/v1/commands/${waiting!.id}`),
      });
    }
    expect(runs).toBe(0);
  });
}

function describeRepetition(store: Store): void {
  it('runs once what 50 requests with the same key ask for at the same time, and answers all alike', async () => {
    const tenant = newTenant();
    let runs = 0;
    const commands = newCommands(store(), async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { run: ++runs };
    });
    const same = submission('hello', { tenant, idempotencyKey: 'key-1' });
    const answers = await Promise.all(Array.from({ length: 50 }, () => commands.execute(same)));
    expect(runs).toBe(1);
    for (const answer of answers)
      expect(answer).toMatchObject({ commandId: answers[0]!.commandId, result: { run: 1 } });
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
  });

  it('answers a repeated request with the first refusal, of the same class', async () => {
    const same = submission('', { idempotencyKey: 'key-1' });
    const commands = newCommands(store(), async () => ({}));
    const errors = [];
    for (let n = 0; n < 2; n++) errors.push(await commands.execute(same).catch((error: unknown) => error));
    for (const error of errors) {
      expect(error).toBeInstanceOf(InvalidInput);
      expect(error).toMatchObject({ code: 'command.invalid-payload', issues: [{ pointer: '/text' }] });
    }
  });

  it('refuses a key that was used for other content, another version included', async () => {
    const first = submission('hello', { idempotencyKey: 'key-1', ifMatch: 1 });
    const commands = newCommands(store(), async () => ({}));
    await commands.execute(first);
    for (const other of [{ payload: { text: 'other' } }, { ifMatch: 2 }]) {
      await expect(commands.execute({ ...first, ...other })).rejects.toMatchObject({
        code: 'command.idempotency-key-reused',
      });
    }
  });

  it('knows a fact again in another form, and never takes it for the key of a client', async () => {
    const tenant = newTenant();
    let runs = 0;
    const commands = newCommands(store(), async () => ({ run: ++runs }));
    await commands.execute(submission('one form', { tenant, factKey: 'fact-1' }));
    const again = await commands.execute(submission('another form', { tenant, factKey: 'fact-1' }));
    expect(again).toMatchObject({ repeated: true, result: { run: 1 } });
    const other = await commands.execute(submission('one form', { tenant, idempotencyKey: 'fact-1' }));
    expect(other).toMatchObject({ repeated: false, result: { run: 2 } });
  });
}

function describeUnknownOutcomes(store: Store): void {
  it('never runs again what was answered with a conflict of versions: the answer is kept', async () => {
    const tenant = newTenant();
    let runs = 0;
    const handle: HandleNote = async () => {
      runs++;
      throw new VersionConflict('note/1', 3, 4);
    };
    const commands = newCommands(store(), handle, { leaseMs: 1 });
    const same = submission('hello', { tenant, idempotencyKey: 'key-1' });
    for (let n = 0; n < 2; n++) {
      const error: unknown = await commands.execute(same).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(Conflict);
      expect(error).toMatchObject({
        code: 'event-store.version-conflict',
        details: { stream: 'note/1', expected: 3, actual: 4 },
      });
    }
    const [failed] = await store().commands.list(tenant, { limit: 1 });
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'event-store.version-conflict' } });
    expect(await store().queue.claim('worker-1', 10, 60_000)).toEqual([]);
    expect(runs).toBe(1);
  });

  it('leaves a command whose outcome is unknown to the worker, whose result the repeated request gets', async () => {
    const tenant = newTenant();
    let isAway = true;
    const handle = async () => {
      if (isAway) throw new Unavailable('database.unavailable', 'The database is away.', 'Wait.');
      return { streamVersion: 1 };
    };
    const commands = newCommands(store(), handle, { leaseMs: 1 });
    const same = submission('hello', { tenant, idempotencyKey: 'key-1' });
    await expect(commands.execute(same)).rejects.toMatchObject({ code: 'database.unavailable' });
    const [left] = await store().commands.list(tenant, { limit: 1 });
    expect(left).toMatchObject({ status: 'consumed', error: undefined });

    isAway = false;
    await whileRunning([newConsumer(store(), handle)], async () => {
      await untilStatus(store(), tenant, left!.id, 'processed');
    });
    expect(await commands.execute(same)).toMatchObject({ repeated: true, result: { streamVersion: 1 } });
  });

  it('tells a repeated request when the first one is not done in time', async () => {
    const same = submission('hello', { idempotencyKey: 'key-1' });
    const [begun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const handle = async () => {
      begun.resolve();
      await mayEnd.promise;
      return {};
    };
    const commands = newCommands(store(), handle, { waitMs: 30 });
    const first = commands.execute(same);
    await begun.promise;
    await expect(commands.execute(same)).rejects.toMatchObject({ code: 'command.still-running' });
    mayEnd.resolve();
    expect(await first).toMatchObject({ repeated: false });
  });
}
