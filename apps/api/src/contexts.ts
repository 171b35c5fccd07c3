// The contexts whose endpoints this api offers.
import { clientsModule, clientsSettings } from '@groundwork/clients';

export const contexts = {
  clients: { settings: clientsSettings, module: clientsModule },
};
