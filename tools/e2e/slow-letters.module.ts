// A subscriber that takes its time and says when it begins and ends with a message.
import { MessageSubscriber, pause } from '@groundwork/application';
import { ContainerModule } from 'inversify';

const LETTER_MS = 1_500;

export const slowLettersModule = new ContainerModule(({ bind }) => {
  bind<MessageSubscriber>(MessageSubscriber).toConstantValue({
    topic: 'letters.*',
    group: 'letters.post-office',
    concurrencyMax: 4,
    handle: async ({ id }) => {
      console.log(`begun ${id}`);
      await pause(LETTER_MS);
      console.log(`ended ${id}`);
    },
  });
});
