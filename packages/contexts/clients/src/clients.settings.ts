// What can be set about the clients.
import { setting } from '@groundwork/application';
import { z } from 'zod';

export const clientsSettings = z.object({
  unmappedEntity: setting(z.enum(['keep', 'reject']).default('keep'), {
    variable: 'GW_CLIENTS_UNMAPPED_ENTITY',
    description: 'What becomes of a change of a Salesforce object that is not in the registry: kept raw, or refused.',
    allowed: 'keep, reject',
  }),
  mappingFile: setting(z.string().min(1).optional(), {
    variable: 'GW_CLIENTS_MAPPING_FILE',
    description: "A JSON file that replaces the built-in mapping of Salesforce's fields to the client's columns.",
    allowed: 'the path of a JSON file',
  }),
});
export type ClientsSettings = z.infer<typeof clientsSettings>;
