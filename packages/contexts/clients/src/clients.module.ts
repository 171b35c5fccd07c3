// The whole wiring of the clients.
import {
  Access,
  CacheDefinition,
  CachedReads,
  CommandHandler,
  Commands,
  Endpoint,
  EventStore,
  EventTypeDefinition,
  Ids,
  Projection,
  Publication,
  RoleDefinition,
  StreamModel,
  streamModel,
} from '@groundwork/application';
import { MemoryProjectionStore, MigrationClass, ReadModelEntity, TenantDatabase } from '@groundwork/persistence';
import { ContainerModule } from 'inversify';
import { clientEntity } from './adapters/client-entity.ts';
import { Clients1763710000000 } from './adapters/clients.migration.ts';
import { mappingFromFile } from './adapters/mapping-file.ts';
import { MemoryClientQueries } from './adapters/memory-client-queries.ts';
import { PostgresClientQueries } from './adapters/postgres-client-queries.ts';
import { clientsRoles } from './clients.roles.ts';
import type { ClientsSettings } from './clients.settings.ts';
import { clientAnnouncements } from './features/announce-clients/client-announcements.ts';
import { clientList } from './features/client-list/client-list.projection.ts';
import { CachedClientQueries } from './features/client-list/cached-client-queries.ts';
import { ClientQueries } from './features/client-list/client-queries.ts';
import type { ClientRow } from './features/client-list/client-row.ts';
import { listClients } from './features/client-list/list-clients.endpoint.ts';
import { postChangeEvent } from './features/record-change/record-change.endpoint.ts';
import { recordChange } from './features/record-change/record-change.ts';
import { postRefetch, requestRefetch } from './features/request-refetch/request-refetch.ts';
import { clientHistory } from './features/show-client/client-history.endpoint.ts';
import { showClient } from './features/show-client/show-client.endpoint.ts';
import { CLIENT_MAPPING } from './model/client-mapping.ts';
import { happeningOf, recordDecider, recordEventOf, recordEventTypes } from './model/client-record.ts';
import { ENTITY_REGISTRY } from './model/entity-registry.ts';

const EVENT_TYPES = [
  ...[...ENTITY_REGISTRY.values()].flatMap(({ noun }) => recordEventTypes(noun)),
  'FeedOverflowed',
  'RecordChanged',
];

const CLIENTS_CACHE = 'clients';
// What has changed is not read however long it is kept.
const CACHED_SECONDS = 300;

/** Reads the mapping file when one is set: throws Misconfigured `clients.mapping-file`. */
export const clientsModule = (settings: ClientsSettings): ContainerModule => {
  const mapping = settings.mappingFile === undefined ? CLIENT_MAPPING : mappingFromFile(settings.mappingFile);
  const rules = { unmappedEntity: settings.unmappedEntity, mappingVersion: mapping.version };
  const list = clientList(mapping);
  return new ContainerModule(({ bind }) => {
    for (const type of EVENT_TYPES) {
      const closesStream = happeningOf(type) === 'Deleted';
      const declared = { type, declaredIn: '@groundwork/clients', schemaVersion: 1, closesStream };
      bind(EventTypeDefinition).toConstantValue(declared);
    }
    for (const role of clientsRoles) bind(RoleDefinition).toConstantValue(role);
    for (const { streamType, noun } of ENTITY_REGISTRY.values()) {
      bind(StreamModel).toConstantValue(streamModel(streamType, recordDecider(noun), recordEventOf));
    }
    bind(Projection).toConstantValue(list);
    bind(Publication).toConstantValue(clientAnnouncements(list) as Publication);
    bind(ReadModelEntity).toConstantValue(clientEntity);
    bind(MigrationClass).toConstantValue(Clients1763710000000);
    bind(CacheDefinition).toConstantValue({ name: CLIENTS_CACHE, ttlSeconds: CACHED_SECONDS });
    bind(ClientQueries)
      .toResolvedValue(
        (database?: TenantDatabase, memory?: MemoryProjectionStore, cached?: CachedReads): ClientQueries => {
          if (database === undefined) {
            return new MemoryClientQueries((tenant) => (memory?.rows(list, tenant) ?? []) as readonly ClientRow[]);
          }
          const queries = new PostgresClientQueries(database);
          return cached === undefined ? queries : new CachedClientQueries(queries, cached.of(list, CLIENTS_CACHE));
        },
        [
          { serviceIdentifier: TenantDatabase, optional: true },
          { serviceIdentifier: MemoryProjectionStore, optional: true },
          { serviceIdentifier: CachedReads, optional: true },
        ],
      )
      .inSingletonScope();
    bind(CommandHandler).toResolvedValue(
      (events: EventStore, ids: Ids) => recordChange(events, ids, rules),
      [EventStore, Ids],
    );
    bind(CommandHandler).toResolvedValue(requestRefetch, [EventStore]);
    bind(Endpoint).toResolvedValue(postChangeEvent, [Commands, Ids]);
    bind(Endpoint).toResolvedValue(listClients, [ClientQueries]);
    bind(Endpoint).toResolvedValue(
      (clients: ClientQueries, events: EventStore, access: Access) => showClient({ clients, events, access, list }),
      [ClientQueries, EventStore, Access],
    );
    bind(Endpoint).toResolvedValue(clientHistory, [EventStore]);
    bind(Endpoint).toResolvedValue(postRefetch, [Commands]);
  });
};
