// Salesforce clients, from change event to read model.
export { clientsModule } from './clients.module.ts';
export { clientsSettings, type ClientsSettings } from './clients.settings.ts';
export {
  ClientQueries,
  type ClientFilter,
  type ClientPage,
  type ClientsFound,
} from './features/client-list/client-queries.ts';
