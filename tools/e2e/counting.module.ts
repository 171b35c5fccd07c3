// A command that counts, and the read model of what was counted: as much of a context as a worker needs.
import {
  CommandHandler,
  EventStore,
  eventOfCommand,
  Projection,
  RoleDefinition,
  type CommandContext,
} from '@groundwork/application';
import { streamId } from '@groundwork/domain';
import { ContainerModule } from 'inversify';
import { z } from 'zod';
import { benchTable } from '../bench/projected-totals.ts';

export const COUNT = 'counting.count';
export const COUNT_PERMISSION = 'counting:count';

const schema = z.object({ counter: z.string() });
type Payload = z.infer<typeof schema>;

/** How often each counter was increased. */
export const counters: Projection = {
  name: 'counting.counters',
  schemaVersion: 1,
  table: {
    schema: 'bench',
    name: 'counter',
    key: 'stream',
    columns: { stream: 'text', count: 'integer', stream_version: 'integer' },
  },
  eventTypes: ['CounterIncreased'],
  keyOf: (event) => event.stream.id,
  apply: (row, { stream, streamVersion }) => ({
    stream: stream.id,
    count: Number(row?.['count'] ?? 0) + 1,
    stream_version: streamVersion,
  }),
};
export const COUNTERS_TABLE = benchTable('counter', 'count integer, stream_version integer');

export const countingModule = new ContainerModule(({ bind }) => {
  bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'counter', permissions: [COUNT_PERMISSION] });
  bind<Projection>(Projection).toConstantValue(counters);
  bind(CommandHandler).toResolvedValue(
    (events: EventStore) => ({
      type: COUNT,
      permission: COUNT_PERMISSION,
      schema,
      handle: async ({ counter }: Payload, command: CommandContext) => {
        const { streamVersion } = await events.append({
          tenant: command.tenant,
          stream: streamId('counter', counter),
          expected: 'any',
          events: [eventOfCommand({ type: 'CounterIncreased', data: { by: 1 } }, 0, command)],
        });
        return { streamVersion };
      },
    }),
    [EventStore],
  );
});
