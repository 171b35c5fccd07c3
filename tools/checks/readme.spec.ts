// Runs the example of the front page, and sees that the pages show the code that was run.
import { describe, expect, it } from '@jest/globals';
import { EventTypes, decideAndAppend, replay, type CommandContext } from '@groundwork/application';
import { streamId } from '@groundwork/domain';
import { MemoryEventStore } from '@groundwork/persistence';
import { FixedClock, given, newId, newTenant } from '@groundwork/testing';
import { machine, machineList } from '../../docs/examples/machines.ts';
import { lineAdded, orderPlaced } from '../../docs/examples/orders.ts';
import { files, readText } from './workspace.ts';

// #region decisions
it('a machine is placed once, and stays until it is returned', () => {
  const placed = { type: 'MachinePlaced', data: { room: 'R-101' } } as const;
  given(machine).when({ type: 'place', room: 'R-101' }).then(placed);
  given(machine, placed).when({ type: 'place', room: 'R-101' }).thenNothing();
  given(machine, placed).when({ type: 'place', room: 'R-102' }).thenRefused('machine.in-use');
});
// #endregion

describe('the example of the front page', () => {
  it('keeps its events in the log and its list in step', async () => {
    const tenant = newTenant();
    const types = new EventTypes(machineList.eventTypes.map((type) => ({ type, schemaVersion: 1 })));
    const log = new MemoryEventStore(types, new FixedClock());
    const run = (id: string, command: Parameters<typeof machine.decide>[0]) =>
      decideAndAppend(log, { decider: machine, stream: streamId('machine', id), command }, contextOf(tenant));

    await run('m-1', { type: 'place', room: 'R-101' });
    await run('m-2', { type: 'place', room: 'R-101' });
    await run('m-1', { type: 'return', reason: 'broken' });

    const rows = replay(machineList, await log.query(tenant, { after: 0n, limit: 10 }));
    expect([...rows.values()]).toEqual([
      { machine_id: 'm-1', room: null },
      { machine_id: 'm-2', room: 'R-101' },
    ]);
  });
});

describe('the example of an event that was cut too large', () => {
  it('is read as the events of today', () => {
    const types = new EventTypes([orderPlaced, lineAdded]);
    expect(types.upcast('OrderPlaced', 1, { by: 'ada', lines: ['kiln'] })).toEqual([
      { type: 'OrderPlaced', schemaVersion: 2, data: { by: 'ada' } },
      { type: 'LineAdded', schemaVersion: 2, data: { item: 'kiln', count: 1 } },
    ]);
  });
});

describe('code in the pages', () => {
  const pages = ['README.md', ...files('docs', '.md')];
  const blocks = pages.flatMap((page) => blocksOf(page));

  it('stands in a file that is compiled, word for word', () => {
    expect(blocks.length).toBeGreaterThan(0);
    for (const { page, source, code } of blocks) {
      expect({ page, source, code }).toEqual({ page, source, code: source && regionOf(source) });
    }
  });
});

const contextOf = (tenant: CommandContext['tenant']): CommandContext => ({
  commandId: newId(),
  tenant,
  actor: { subject: 'reader', permissions: [] },
  correlationId: 'front-page',
  now: new Date('2026-01-01T00:00:00Z'),
});

/** Every TypeScript block of a page, with the file (and its region) that the comment above it names. */
function blocksOf(page: string): readonly { page: string; source: string | undefined; code: string }[] {
  const block = /(?:<!-- (\S+) -->\n+)?^( *)```ts\n(.*?) *```/gms;
  return [...readText(page).matchAll(block)].map(([, source, indent, code]) => ({
    page,
    source,
    code: code!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** The text of a file, or of the part between `// #region name` and `// #endregion` for `file#name`. */
function regionOf(source: string): string {
  const [path, region] = source.split('#') as [string, string?];
  const text = readText(path);
  const part = region === undefined ? text : text.split(`// #region ${region}\n`)[1]!.split(/^ *\/\/ #endregion/m)[0]!;
  return part.replaceAll(/^\/\/ #(region|endregion).*\n/gm, '');
}
