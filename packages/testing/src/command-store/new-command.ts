// Commands for tests that do not care about the details.
import { ExactJson, type NewCommand } from '@groundwork/application';
import { newId, newTenant } from '../new-event.ts';

/** A command that nobody else sends; whatever matters to the test is given in `form`. */
export function newCommand(form: Partial<NewCommand> = {}): NewCommand {
  return {
    id: newId(),
    tenant: newTenant(),
    type: 'notes.write-note',
    payload: new ExactJson('{"text":"hello"}'),
    orderKeys: [],
    idempotencyKey: undefined,
    fingerprint: 'fingerprint-1',
    actor: { subject: 'ada', permissions: ['notes:write'] },
    correlationId: 'correlation-1',
    ...form,
  };
}
