// Which errors are an answer, and that an answer survives being stored.
import { describe, expect, it } from '@jest/globals';
import { Refusal } from '@groundwork/domain';
import {
  Conflict,
  DuplicateEvent,
  GaveUp,
  InvalidInput,
  Misconfigured,
  NotFound,
  NotPermitted,
  PreconditionFailed,
  PreconditionRequired,
  Unavailable,
  VersionConflict,
} from '../errors.ts';
import { commandErrorOf, errorOfCommand, gaveUp, isAnswer, isFinal, isPassing } from './command-error.ts';

const parts = ['area.reason', 'It happened.', 'Do this.'] as const;
const answers = [
  new Refusal(...parts, { limit: 3 }),
  new InvalidInput(...parts, [{ pointer: '/a', message: 'wrong' }], { limit: 3 }),
  new Conflict(...parts),
  new NotFound(...parts),
  new NotPermitted(...parts),
  new PreconditionFailed(...parts, { currentVersion: 4 }),
  new PreconditionRequired(...parts),
  new GaveUp(...parts, { attempts: 3 }),
];

describe('the error of a command', () => {
  it.each(answers)('is an answer when it is a $name, and the same again after it was stored', (error) => {
    expect([isAnswer(error), isFinal(error)]).toEqual([true, true]);
    const kept = errorOfCommand(JSON.parse(JSON.stringify(commandErrorOf(error))));
    expect(kept.constructor).toBe(error.constructor);
    expect(kept).toMatchObject({ code: error.code, message: error.message, next: error.next, details: error.details });
    if (error instanceof InvalidInput) expect(kept).toMatchObject({ issues: error.issues });
  });

  it('is an answer when an event was used for another fact', () => {
    expect(isFinal(new DuplicateEvent('id-1'))).toBe(true);
    expect(errorOfCommand(commandErrorOf(new DuplicateEvent('id-1')))).toBeInstanceOf(Conflict);
  });

  it.each([
    new Unavailable('database.unavailable', 'Away.', 'Wait.'),
    new Misconfigured('command.no-handler', 'Nobody.', 'Bind it.'),
    new TypeError('undefined is not a function'),
    'a text',
  ])('says nothing about the command when it is %s', (error) => {
    expect([isAnswer(error), isFinal(error)]).toEqual([false, false]);
  });

  it('can be told when it is a conflict of versions, and may end otherwise the next time', () => {
    const conflict = new VersionConflict('note/1', 1, 2);
    expect([isAnswer(conflict), isFinal(conflict)]).toEqual([true, false]);
    expect(errorOfCommand(commandErrorOf(conflict))).toMatchObject({ code: conflict.code, details: conflict.details });
  });

  it('S1-43 can be told when a rule refuses for now, and may end otherwise the next time', () => {
    const refused = new Refusal(...parts, { limit: 3 }, { isRetryable: true });
    expect([isAnswer(refused), isFinal(refused), isPassing(refused)]).toEqual([true, false, false]);
    expect(errorOfCommand(commandErrorOf(refused))).toMatchObject({ code: refused.code, details: refused.details });
  });

  it('passes by itself when a part is away or the program is too old, and not otherwise', () => {
    expect(isPassing(new Unavailable(...parts))).toBe(true);
    expect(isPassing(new Misconfigured('command.no-handler', 'Nobody.', 'Bind it.'))).toBe(true);
    for (const error of [new Misconfigured(...parts), new VersionConflict('note/1', 1, 2), new TypeError('no')]) {
      expect(isPassing(error)).toBe(false);
    }
  });

  it.each([
    { last: new VersionConflict('note/1', 1, 2), code: 'event-store.version-conflict', message: /at version 2/ },
    { last: new TypeError('no column for Ada'), code: 'command.unexpected', message: /^TypeError$/ },
    { last: 'Ada', code: 'command.unexpected', message: /^string$/ },
    { last: undefined, code: 'command.no-end', message: /ended/ },
  ])(
    'names the last error of a command that was given up, and nothing that was sent: $last',
    ({ last, code, message }) => {
      expect(gaveUp(3, last)).toMatchObject({
        code: 'command.gave-up',
        details: { attempts: 3, lastError: { code, message: expect.stringMatching(message) } },
      });
    },
  );
});
