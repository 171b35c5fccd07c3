import { replay } from '@groundwork/domain';
import { describeDeciderLaws, given } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  clientRecord,
  needsBackfill,
  recordDecider,
  recordEventTypes,
  type Happening,
  type RecordChangeKind,
  type RecordCommand,
  type RecordEvent,
} from './client-record.ts';

const happened = (...happenings: readonly Happening[]): readonly RecordEvent[] =>
  happenings.map((happening) => ({ type: `Client${happening}`, data: null }));
const change = (kind: RecordChangeKind): RecordCommand => ({ type: 'record-change', kind });
const decided = (history: readonly RecordEvent[], command: RecordCommand): readonly RecordEvent[] =>
  clientRecord.decide(command, replay(clientRecord, history));

describe('a client record', () => {
  it.each<[RecordChangeKind, Happening]>([
    ['CREATE', 'Created'],
    ['UPDATE', 'Updated'],
    ['DELETE', 'Deleted'],
    ['UNDELETE', 'Restored'],
    ['GAP_CREATE', 'GapDetected'],
    ['GAP_UPDATE', 'GapDetected'],
    ['GAP_DELETE', 'GapDetected'],
    ['GAP_UNDELETE', 'GapDetected'],
  ])('nothing heard yet: %s is kept as Client%s', (kind, happening) => {
    given(clientRecord)
      .when(change(kind))
      .then(...happened(happening));
  });

  it('S0-69 a creation of what exists is refused, deleted or not', () => {
    given(clientRecord, ...happened('Created'))
      .when(change('CREATE'))
      .thenRefused('client.already-exists');
    given(clientRecord, ...happened('Created', 'Deleted'))
      .when(change('CREATE'))
      .thenRefused('client.already-exists');
  });

  it('a creation that comes after its changes is accepted, once', () => {
    for (const before of [happened('Updated'), happened('Deleted'), happened('GapDetected', 'Restored')]) {
      given(clientRecord, ...before)
        .when(change('CREATE'))
        .then(...happened('Created'));
      given(clientRecord, ...before, ...happened('Created'))
        .when(change('CREATE'))
        .thenRefused('client.already-exists');
    }
  });

  it('a change of what was never created, and every gap, asks for the record', () => {
    const after = (...happenings: readonly Happening[]) => replay(clientRecord, happened(...happenings));
    expect(needsBackfill('CREATE', after())).toBe(false);
    expect(needsBackfill('UPDATE', after())).toBe(true);
    expect(needsBackfill('DELETE', after('Updated'))).toBe(true);
    expect(needsBackfill('UPDATE', after('Updated', 'Created'))).toBe(false);
    expect(needsBackfill('GAP_UPDATE', after('Created'))).toBe(true);
  });

  it('a refetch is requested once, and only for what is known', () => {
    const refetch: RecordCommand = { type: 'request-refetch' };
    given(clientRecord).when(refetch).thenRefused('client.nothing-to-refetch');
    given(clientRecord, ...happened('Created'))
      .when(refetch)
      .then(...happened('RefetchRequested'));
    given(clientRecord, ...happened('Created', 'RefetchRequested'))
      .when(refetch)
      .thenNothing();
    given(clientRecord, ...happened('Created', 'GapDetected'))
      .when(refetch)
      .thenNothing();
  });

  it('other kinds of records follow the same rules under their own names', () => {
    const created = { type: 'DealCreated', data: null } as const;
    given(recordDecider('Deal')).when(change('CREATE')).then(created);
    given(recordDecider('Deal'), created).when(change('CREATE')).thenRefused('record.already-exists');
    expect(recordEventTypes('Deal')).toContain('DealRestored');
  });
});

// Two equal updates are two facts; that one fact is delivered twice is seen by its id in the log, not here.
describeDeciderLaws(
  'a client record',
  clientRecord,
  fc.constantFrom<RecordCommand>(change('CREATE'), { type: 'request-refetch' }),
);

describe('whatever comes in whichever order', () => {
  const kinds: RecordChangeKind[] = ['CREATE', 'UPDATE', 'DELETE', 'UNDELETE', 'GAP_UPDATE', 'GAP_DELETE'];
  const command = fc.oneof(
    fc.constantFrom(...kinds).map(change),
    fc.constant<RecordCommand>({ type: 'request-refetch' }),
  );
  const historyOf = (commands: readonly RecordCommand[]): readonly RecordEvent[] =>
    commands.reduce<readonly RecordEvent[]>((history, next) => {
      try {
        return [...history, ...decided(history, next)];
      } catch {
        return history;
      }
    }, []);

  it('only a second creation and a refetch of the unknown are refused: no change is ever dropped', () => {
    fc.assert(
      fc.property(fc.array(command), fc.constantFrom(...kinds), (before, kind) => {
        const history = historyOf(before);
        const isSecondCreation = kind === 'CREATE' && history.some(({ type }) => type === 'ClientCreated');
        if (isSecondCreation) expect(() => decided(history, change(kind))).toThrow('was created before');
        else expect(decided(history, change(kind))).toHaveLength(1);
      }),
    );
  });

  it('there is at most one creation, and whether it exists is what was heard last', () => {
    fc.assert(
      fc.property(fc.array(command), (commands) => {
        const history = historyOf(commands);
        const last = history.filter(({ type }) => /Deleted|Restored/.test(type)).at(-1);
        expect(history.filter(({ type }) => type === 'ClientCreated').length).toBeLessThanOrEqual(1);
        const expected = last === undefined ? 'known' : last.type === 'ClientDeleted' ? 'deleted' : 'known';
        expect(replay(clientRecord, history).existence).toBe(history.length === 0 ? 'unknown' : expected);
      }),
    );
  });

  it('a refetch requested twice has one effect', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1 }), (commands) => {
        const history = historyOf([change('UPDATE'), ...commands, { type: 'request-refetch' }]);
        expect(decided(history, { type: 'request-refetch' })).toEqual([]);
      }),
    );
  });
});
