// What the module hands to the store in PostgreSQL.
import { EventTypeDefinition, EventTypes, inlineProjection, Projection, TimeLimit } from '@groundwork/application';
import { newEvent, newStream, newTenant, noteList, VmTimeLimit } from '@groundwork/testing';
import { expect, it } from '@jest/globals';
import { Container } from 'inversify';
import { persistenceModule } from './persistence.module.ts';
import { persistenceSettings } from './persistence.settings.ts';
import { InlineProjections } from './postgres/inline-rows.ts';
import { prepareAppend } from './postgres/postgres-event-store.ts';

it('Projections stored with the append are held to the time that handlers have', async () => {
  const container = new Container({ defaultScope: 'Singleton' });
  await container.loadAsync(persistenceModule(persistenceSettings.parse({}), 'api', 60));
  container.bind(TimeLimit).toConstantValue(new VmTimeLimit());
  container.bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'NoteWritten', schemaVersion: 1 });
  const endless: Projection = {
    ...inlineProjection(noteList),
    keyOf: () => {
      for (;;);
    },
  };
  container.bind<Projection>(Projection).toConstantValue(endless);
  const events = [newEvent('NoteWritten', { text: 'one' })];
  const append = { tenant: newTenant(), stream: newStream(), expected: 0, events };
  const prepared = prepareAppend(append, container.get(EventTypes));
  const stored = container.get(InlineProjections).storeRows(async () => [], prepared);
  const hung = { code: 'projection.handler-hung', details: { timeoutMs: 60 } };
  await expect(stored).rejects.toMatchObject({ cause: hung });
});
