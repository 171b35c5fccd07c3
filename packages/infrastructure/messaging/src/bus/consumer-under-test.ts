// A consumer as a process of its own, for tests that kill it: tells its parent of each message before it acknowledges.
import { BrokeredMessageBus } from './brokered-message-bus.ts';
import { impatientBroker } from './impatient-broker-under-test.ts';

export interface ToldMessage {
  readonly number: number;
  readonly key: string;
  readonly text: string;
}

const silent = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined };
const logger = { ...silent, child: () => logger };
const instrument = { add: () => undefined, set: () => undefined, observe: () => undefined };
const metrics = { counter: () => instrument, gauge: () => instrument, histogram: () => instrument };

const { settings, topic, group } = JSON.parse(process.argv[2]!) as {
  settings: Readonly<Record<string, string>>;
  topic: string;
  group: string;
};
const heard = new Map<number, () => void>();
let number = 0;
process.on('message', (told: number) => heard.get(told)?.());
const bus = new BrokeredMessageBus(impatientBroker(settings, logger), { logger, metrics });
process.once('SIGTERM', () => void bus.close().then(() => process.disconnect()));
await bus.subscribe({
  topic,
  group,
  isOrdered: true,
  concurrencyMax: 8,
  attemptsMax: 1_000,
  handle: async ({ key = '', body }) => {
    const told: ToldMessage = { number: ++number, key, text: new TextDecoder().decode(body) };
    await new Promise<void>((resolve) => {
      heard.set(told.number, resolve);
      process.send!(told);
    });
    heard.delete(told.number);
  },
});
process.send!({ number: 0, key: '', text: 'ready' } satisfies ToldMessage);
