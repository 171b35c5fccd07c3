// The one event type that is appended while appends are measured.
import { EventTypeDefinition } from '@groundwork/application';
import { ContainerModule } from 'inversify';

export const BENCH_EVENT_TYPE = 'ClientMeasured';

export const benchModule = new ContainerModule(({ bind }) => {
  bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: BENCH_EVENT_TYPE, schemaVersion: 1 });
});
