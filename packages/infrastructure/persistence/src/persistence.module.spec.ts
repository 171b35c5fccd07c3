// What the module hands to the store in PostgreSQL.
import {
  ChangeNotifications,
  EventTypeDefinition,
  EventTypes,
  inlineProjection,
  Logger,
  Projection,
  TimeLimit,
} from '@groundwork/application';
import { MemoryLogger, newEvent, newStream, newTenant, noteList, VmTimeLimit } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { Container } from 'inversify';
import { persistenceModule } from './persistence.module.ts';
import { persistenceSettings } from './persistence.settings.ts';
import { InlineProjections } from './postgres/inline-rows.ts';
import { prepareAppend } from './postgres/postgres-event-store.ts';
import { SupabaseRealtime } from './postgres/supabase-realtime.ts';

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

describe('The settings of notifications', () => {
  const supabase = { pumpNotifications: 'supabase', supabaseUrl: 'https://shop.supabase.co', supabaseKey: 'secret' };

  it('S1-24 bring Supabase Realtime where they name it', async () => {
    const settings = persistenceSettings.parse({ ...supabase, databaseUrl: 'postgres://127.0.0.1:1/none' });
    const container = new Container({ defaultScope: 'Singleton' });
    await container.loadAsync(persistenceModule(settings, 'worker', 60));
    container.bind<Logger>(Logger).toConstantValue(new MemoryLogger());
    expect(container.get(ChangeNotifications)).toBeInstanceOf(SupabaseRealtime);
  });

  it.each(['supabaseUrl', 'supabaseKey'])('say that Supabase needs %s', (field) => {
    const { success, error } = persistenceSettings.safeParse({ ...supabase, [field]: undefined });
    expect({ success, paths: error?.issues.map(({ path }) => path.join()) }).toEqual({
      success: false,
      paths: [field],
    });
  });
});
