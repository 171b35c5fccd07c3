// Handlers that hang under the time limit of the product, as it is put together.
import {
  CommandStore,
  DeadLetters,
  EventLog,
  EventStore,
  EventTypeDefinition,
  LogSignal,
  ProjectionStore,
  ReadModels,
  Rebuilds,
  TimeLimit,
} from '@groundwork/application';
import { describeHanging, type ProjectionStoreUnderTest } from '@groundwork/testing';
import { afterEach, beforeEach, describe } from '@jest/globals';
import { ContainerModule } from 'inversify';
import { compose } from './compose.ts';
import { platformModules } from './platform-modules.ts';
import { readSettings } from './platform.settings.ts';

const notesModule = new ContainerModule(({ bind }) => {
  bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'NoteWritten', schemaVersion: 1 });
});

describe('the product in memory', () => {
  let ports: ProjectionStoreUnderTest;
  beforeEach(async () => {
    const settings = readSettings({ NODE_ENV: 'test', GW_STORE: 'memory', LOG_LEVEL: 'error' });
    const app = await compose({ program: 'worker', modules: [...platformModules(settings, 'worker'), notesModule] });
    const ofLog = { events: app.get(EventStore), log: app.get(EventLog), signal: app.get(LogSignal) };
    ports = {
      ...ofLog,
      open: () => ofLog,
      store: app.get(ProjectionStore),
      rebuilds: app.get(Rebuilds),
      deadLetters: app.get(DeadLetters),
      readModels: app.get(ReadModels),
      commands: app.get(CommandStore),
      timeLimit: app.get(TimeLimit),
      close: async () => app[Symbol.asyncDispose](),
    };
  });
  afterEach(() => ports.close());

  describeHanging(() => ports);
});
