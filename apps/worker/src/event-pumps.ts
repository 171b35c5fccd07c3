// The pumps that bring new events to subscribers in this process: a convenience for development.
import {
  logSource,
  Pump,
  type EventLog,
  type EventSubscriber,
  type PumpPorts,
  type LoggedEvent,
} from '@groundwork/application';
import { named, type WorkerLoop } from './worker-loop.ts';

export interface EventPumpPorts extends PumpPorts {
  readonly log: EventLog;
  readonly subscribers: readonly EventSubscriber[];
}

/**
 * A pump for each subscriber, from the end of the log on. None in production unless `isAllowed` was said: what pumps
 * have not delivered is forgotten when the process ends.
 */
export function eventPumps(
  { log, subscribers, ...ports }: EventPumpPorts,
  { isAllowed, isProduction }: { readonly isAllowed: boolean | undefined; readonly isProduction: boolean },
): readonly WorkerLoop[] {
  if (subscribers.length === 0) return [];
  const names = subscribers.map(({ name }) => name);
  if (!(isAllowed ?? !isProduction)) {
    ports.logger.warn('Pumps are not started.', {
      subscribers: names,
      reason: isProduction
        ? 'They are meant for development: what they have not delivered is forgotten when the process ends.'
        : 'GW_PUMPS is off.',
      next: 'Make it a projection with follow-ups, which loses nothing, or set GW_PUMPS=on.',
    });
    return [];
  }
  ports.logger.warn('Pumps run: what they have not delivered is forgotten when the process ends.', {
    subscribers: names,
  });
  return subscribers.map((subscriber) => {
    const pump = new Pump<LoggedEvent>(
      {
        name: subscriber.name,
        source: logSource(log, { types: subscriber.eventTypes, after: 'head' }),
        channel: 'log',
        handle: async (logged) => {
          const events = logged.flatMap((event) => event.partsOf(subscriber.eventTypes));
          if (events.length > 0) await subscriber.handle(events);
        },
      },
      ports,
    );
    return named(`pump ${subscriber.name}`, pump);
  });
}
