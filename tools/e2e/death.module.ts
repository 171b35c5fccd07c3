// Kills the process where what it did is committed, and nobody has heard of it.
import { CommandStore, ProjectionStore } from '@groundwork/application';
import { ContainerModule } from 'inversify';

export type Death = 'before a command is acknowledged' | 'behind the commit of a batch' | 'never';

export const deathModule = (death: Death): ContainerModule =>
  new ContainerModule(({ onActivation }) => {
    onActivation<CommandStore>(CommandStore, (_, store) =>
      death === 'before a command is acknowledged' ? Object.assign(store, { complete: die }) : store,
    );
    onActivation<ProjectionStore>(ProjectionStore, (_, store) => {
      if (death !== 'behind the commit of a batch') return store;
      const advance = store.advance.bind(store);
      const committed: ProjectionStore['advance'] = (...asked) => advance(...asked).then(die);
      return Object.assign(store, { advance: committed });
    });
  });

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};
