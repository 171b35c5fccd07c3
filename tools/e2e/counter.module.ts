// The event type of what is counted by processes that are killed.
import { EventTypeDefinition } from '@groundwork/application';
import { ContainerModule } from 'inversify';

export const COUNTER_TYPES: readonly EventTypeDefinition[] = [{ type: 'CounterIncreased', schemaVersion: 1 }];

export const counterModule = new ContainerModule(({ bind }) => {
  for (const type of COUNTER_TYPES) bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue(type);
});
