// Kills the process where a relay has committed, sent, or passed what nobody else knows of yet.
import { isRelayName, MessageDestination, ProjectionStore } from '@groundwork/application';
import { ContainerModule } from 'inversify';

export const RELAY_DEATHS = [
  'between commit and publish',
  'in the middle of publishing',
  'between publish and checkpoint',
  'behind the checkpoint',
] as const;
export type RelayDeath = (typeof RELAY_DEATHS)[number] | 'never';

export const relayDeathModule = (death: RelayDeath): ContainerModule =>
  new ContainerModule(({ onActivation }) => {
    onActivation<MessageDestination>(MessageDestination, (_, destination) => {
      const send = destination.send.bind(destination);
      const deaths: Partial<Record<RelayDeath, MessageDestination['send']>> = {
        'between commit and publish': () => die(),
        'in the middle of publishing': (messages) => send(messages.slice(0, messages.length / 2)).then(die),
        'between publish and checkpoint': (messages) => send(messages).then(die),
      };
      return Object.assign(destination, { send: deaths[death] ?? send });
    });
    onActivation<ProjectionStore>(ProjectionStore, (_, store) => {
      const advance = store.advance.bind(store);
      const passed: ProjectionStore['advance'] = async (subscription, slice, to, work) => {
        const moved = await advance(subscription, slice, to, work);
        const isBehind = isRelayName(subscription.name) && to > slice.position;
        return death === 'behind the checkpoint' && isBehind ? die() : moved;
      };
      return Object.assign(store, { advance: passed });
    });
  });

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};
