// The contexts of the product: their settings are read, their migrations run.
import { clientsModule, clientsSettings } from '@groundwork/clients';

export const contexts = {
  clients: { settings: clientsSettings, module: clientsModule },
};
