// What a relay does with the decisions of operators about messages that were refused or could not be told.
import type { TenantId } from '@groundwork/domain';
import { expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { newStream, newTenant } from '../new-event.ts';
import { ScriptedDestination } from '../relay/scripted-destination.ts';
import type { ProjectionStoreUnderTest } from './projection-fixture.ts';
import { newRelay, onlyParked, refusing, takenOf, textOf, type Notes } from './relay-under-test.ts';

type Decide = (tenant: TenantId, decision: 'retry' | 'discard') => Promise<unknown>;

export function describeRelayDecisions(ports: () => ProjectionStoreUnderTest, notes: Notes): void {
  const decide = async (tenant: TenantId, decision: 'retry' | 'discard') =>
    ports().deadLetters.decide(tenant, (await onlyParked(ports, tenant)).id, decision);
  describeTaking(ports, notes, decide);
  describeUnfoldable(ports, notes, decide);
}

function describeTaking(ports: () => ProjectionStoreUnderTest, notes: Notes, decide: Decide): void {
  it('sends what waited behind a refused message in order after a retry, with it, or after a discard, without', async () => {
    for (const [decision, expected] of [
      ['retry', ['one', 'bad', 'three', 'four']],
      ['discard', ['one', 'three', 'four']],
    ] as const) {
      const [tenant, stream] = [newTenant(), newStream()];
      const destination = new ScriptedDestination(`for-${decision}`);
      destination.fateOf = refusing('bad');
      await notes(tenant, stream, 'one', 'bad', 'three');
      const { runner } = newRelay(ports(), destination);
      await runner.runOnce();
      await decide(tenant, 'retry');
      await runner.runOnce();
      expect(await onlyParked(ports, tenant)).toMatchObject({ attempts: 2, decision: undefined });
      destination.fateOf = () => 'taken';
      await notes(tenant, stream, 'four');
      await runner.runOnce();
      await decide(tenant, decision);
      await runner.runOnce();
      expect(destination.taken.filter((message) => message.tenant === tenant).map(textOf)).toEqual(expected);
      expect(destination.taken.at(-1)).toMatchObject({ data: { before: ['one', 'bad', 'three'] } });
      expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
    }
  });

  it.each(['retry', 'discard'] as const)(
    'goes on by itself after a %s when the destination is away in the middle of what waited',
    async (decision) => {
      const [tenant, stream] = [newTenant(), newStream()];
      await notes(tenant, stream, 'bad', 'two', 'three', 'four', 'five');
      const destination = new ScriptedDestination();
      destination.fateOf = refusing('bad');
      const { runner } = newRelay(ports(), destination, { settings: { batchSizeMax: 2 } });
      await eventually(async () => !(await runner.runOnce()));
      await decide(tenant, decision);
      destination.fateOf = (message) => (textOf(message) === 'three' ? 'not-yet' : 'taken');
      await runner.runOnce();
      expect(await onlyParked(ports, tenant)).toMatchObject({
        decision: 'retry',
        error: { code: 'projection.resume-interrupted' },
      });

      destination.fateOf = () => 'taken';
      await eventually(async () => {
        await runner.runOnce();
        return (await ports().deadLetters.list(tenant, { limit: 10 })).length === 0;
      });
      const expected = ['bad', 'two', 'three', 'four', 'five'].slice(decision === 'discard' ? 1 : 0);
      expect(takenOf(destination, stream)).toEqual(expected);
    },
  );

  it('does not use up the decision to retry while the destination is away', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await notes(tenant, stream, 'bad');
    const destination = new ScriptedDestination();
    destination.fateOf = refusing('bad');
    const { runner } = newRelay(ports(), destination);
    await runner.runOnce();
    await decide(tenant, 'retry');
    destination.fateOf = () => 'not-yet';
    await runner.runOnce();
    expect(await onlyParked(ports, tenant)).toMatchObject({ decision: 'retry' });
    destination.fateOf = () => 'taken';
    await eventually(async () => {
      await runner.runOnce();
      return destination.taken.length === 1 || undefined;
    });
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
  });
}

function describeUnfoldable(ports: () => ProjectionStoreUnderTest, notes: Notes, decide: Decide): void {
  it.each([
    ['cannot be folded', 'unfoldable', 'projection.event-failed'],
    ['hangs while it is folded', 'endless', 'projection.handler-hung'],
  ])('goes on behind a discarded event that %s, in this process and in any other', async (_, text, code) => {
    const [tenant, stream, other] = [newTenant(), newStream(), newStream()];
    const destination = new ScriptedDestination();
    const settings = { slices: 1, handlerTimeoutMs: 60 };
    const { runner } = newRelay(ports(), destination, { settings });
    await notes(tenant, stream, 'one', text, 'three');
    await runner.runOnce();
    expect(await onlyParked(ports, tenant)).toMatchObject({ attempts: 3, error: { code } });
    await decide(tenant, 'discard');
    await runner.runOnce();
    await notes(tenant, stream, 'four');
    await notes(tenant, other, 'else');
    await newRelay(ports(), destination, { settings }).runner.runOnce();
    expect(takenOf(destination, other)).toEqual(['else']);
    expect(takenOf(destination, stream)).toEqual(['one', 'three', 'four']);
    expect(destination.taken.find((message) => textOf(message) === 'four')).toMatchObject({
      data: { before: ['one', 'three'] },
    });
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
  });
}
