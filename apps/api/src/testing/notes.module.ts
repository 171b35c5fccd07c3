// A context small enough to test the api with: notes, and one endpoint that fails in every way there is.
import { EventTypeDefinition, RoleDefinition } from '@groundwork/application';
import { ContainerModule } from 'inversify';

export const notesModule = new ContainerModule(({ bind }) => {
  bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'NoteWritten', schemaVersion: 1 });
  bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'viewer', permissions: ['notes:read'] });
  bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'admin', permissions: ['notes:read', 'notes:write'] });
});
