// Which errors of commands are worth another attempt, by whose policy, and how a command ends that was tried enough.
import { NotFound, Refusal, type CommandHandler, type CommandRetryPolicy } from '@groundwork/application';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import type { CommandStoreUnderTest } from './command-store-contract.ts';
import {
  away,
  newConsumer,
  note,
  noteHandler,
  submission,
  newCommands,
  untilStatus,
  whileRunning,
  type NotePayload,
} from './commands-under-test.ts';
import { newCommand } from './new-command.ts';

const refusal = (isRetryable: boolean): Refusal =>
  new Refusal('notes.board-full', 'The board is full.', 'Wait until one is taken off.', { free: 0 }, { isRetryable });

export function describeRetrying(store: () => CommandStoreUnderTest): void {
  describe('after an error', () => {
    describeClasses(store);
    describePolicies(store);
  });
}

function describeClasses(store: () => CommandStoreUnderTest): void {
  it('S1-43 tries again what a rule refuses for now, until it is accepted', async () => {
    const command = newCommand();
    let runs = 0;
    const consumer = newConsumer(store(), async () => {
      if (++runs < 4) throw refusal(true);
      return { runs };
    });
    await store().commands.accept(command);
    await whileRunning([consumer], async () => {
      const processed = await untilStatus(store(), command.tenant, command.id, 'processed');
      expect(processed).toMatchObject({ attempts: 4, result: { runs: 4 } });
    });
  });

  it.each([
    ['a rule refuses', refusal(false), 'notes.board-full'],
    ['is sent wrongly', new NotFound('notes.unknown', 'There is no such note.', 'Check the id.'), 'notes.unknown'],
  ])('S1-43 never tries again what %s for good', async (_, error, code) => {
    const command = newCommand();
    let runs = 0;
    const consumer = newConsumer(store(), () => {
      runs++;
      return Promise.reject(error);
    });
    await store().commands.accept(command);
    await whileRunning([consumer], async () => {
      expect((await untilStatus(store(), command.tenant, command.id, 'failed')).error).toMatchObject({ code });
    });
    expect(runs).toBe(1);
  });

  it('S1-43 does not count errors of parts that are away', async () => {
    const command = newCommand();
    let runs = 0;
    const handler = {
      ...noteHandler(async () => (++runs < 5 ? Promise.reject(away()) : {})),
      retry: { attemptsMax: 1 },
    };
    await store().commands.accept(command);
    await whileRunning([newConsumer(store(), [handler])], async () => {
      expect(await untilStatus(store(), command.tenant, command.id, 'processed')).toMatchObject({ attempts: 1 });
    });
    expect(runs).toBe(5);
  });

  it('tells whoever waits for the answer of a refusal for now, and leaves it at that', async () => {
    let runs = 0;
    const handle = async (): Promise<never> => {
      runs++;
      throw refusal(true);
    };
    const executing = newCommands(store(), handle).execute(submission('a'));
    await expect(executing).rejects.toMatchObject({ code: 'notes.board-full', isRetryable: true });
    expect(runs).toBe(1);
  });
}

function describePolicies(store: () => CommandStoreUnderTest): void {
  /** A command that `write` never takes, by the policy of its type. */
  const handler = (
    verb: string,
    write: () => Promise<never>,
    retry?: Partial<CommandRetryPolicy>,
  ): CommandHandler<NotePayload> => ({
    ...noteHandler(write),
    type: `notes.${verb}`,
    ...(retry === undefined ? {} : { retry }),
  });

  it('S1-43 tries each type of command by its own policy; exhausted, it has failed with the cause', async () => {
    const broken = async (): Promise<never> => Promise.reject(new TypeError('cannot read it'));
    const full = async (): Promise<never> => Promise.reject(refusal(true));
    const handlers = [
      handler('once', broken, { attemptsMax: 1 }),
      handler('often', broken, { attemptsMax: 5, retryDelayMs: 0 }),
      handler('patient', full, { attemptsMax: 3 }),
      handler('as-set', broken),
    ];
    const commands = handlers.map(({ type }) => newCommand({ type, payload: note('a') }));
    for (const command of commands) await store().commands.accept(command);
    await whileRunning([newConsumer(store(), handlers, { attemptsMax: 2 })], async () => {
      const failed = await Promise.all(commands.map(({ tenant, id }) => untilStatus(store(), tenant, id, 'failed')));
      const gaveUp = (attempts: number) => ({
        attempts,
        error: { code: 'command.gave-up', details: { attempts, lastError: { code: 'command.unexpected' } } },
      });
      expect(failed).toMatchObject([
        gaveUp(1),
        gaveUp(5),
        { attempts: 3, error: { code: 'notes.board-full', kind: 'refusal', details: { free: 0 } } },
        gaveUp(2),
      ]);
    });
  });

  it('S1-43 waits between attempts as the policy of the type says, longer each time up to its bound', async () => {
    const [command, startedMs] = [newCommand({ type: 'notes.patient' }), [] as number[]];
    const refusing = async (): Promise<never> => {
      startedMs.push(performance.now());
      throw refusal(true);
    };
    const policy = { attemptsMax: 4, retryDelayMs: 60, retryDelayMaxMs: 120 };
    await store().commands.accept(command);
    await whileRunning([newConsumer(store(), [handler('patient', refusing, policy)])], async () => {
      await eventually(() => startedMs.length === policy.attemptsMax);
      await untilStatus(store(), command.tenant, command.id, 'failed');
    });
    const waitedMs = startedMs.slice(1).map((at, index) => at - startedMs[index]!);
    // The clocks of process and database are read apart: a millisecond is not held against them.
    for (const [index, least] of [60, 120, 120].entries()) expect(waitedMs[index]).toBeGreaterThan(least - 5);
  });
}
