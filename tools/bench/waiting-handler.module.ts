// A command that waits for another service before it loads, decides and appends.
import {
  CommandHandler,
  decideAndAppend,
  EventStore,
  RoleDefinition,
  type CommandContext,
} from '@groundwork/application';
import { streamId, type Decider, type DomainEvent } from '@groundwork/domain';
import { ContainerModule } from 'inversify';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { STREAM_TYPE } from './our-store.ts';

export const WAITING_COMMAND = 'bench.ask-and-record';
export const WAITING_PERMISSION = 'bench:record';
export const SERVICE_MS = 200;

const schema = z.object({ stream: z.string(), number: z.number().int() });
type Payload = z.infer<typeof schema>;
type Recorded = DomainEvent & { readonly data: { readonly number: number } };

const numbers: Decider<Payload, number, Recorded> = {
  initialState: 0,
  decide: ({ number }) => [{ type: BENCH_EVENT_TYPE, data: { number } }],
  evolve: (count) => count + 1,
};

export const waitingHandlerModule = new ContainerModule(({ bind }) => {
  bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'bench', permissions: [WAITING_PERMISSION] });
  bind(CommandHandler).toResolvedValue(
    (events: EventStore) => ({
      type: WAITING_COMMAND,
      permission: WAITING_PERMISSION,
      schema,
      handle: async (command: Payload, context: CommandContext) => {
        await sleep(SERVICE_MS);
        const stream = streamId(STREAM_TYPE, command.stream);
        const { streamVersion } = await decideAndAppend(events, { decider: numbers, stream, command }, context);
        return { streamVersion };
      },
    }),
    [EventStore],
  );
});
