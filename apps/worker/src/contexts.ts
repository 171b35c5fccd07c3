// The contexts whose commands and projections this worker runs.
import { clientsModule, clientsSettings } from '@groundwork/clients';

export const contexts = {
  clients: { settings: clientsSettings, module: clientsModule },
};
