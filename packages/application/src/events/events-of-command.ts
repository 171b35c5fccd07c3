// An event of a decision on its way into the log: id, time and metadata follow from the command.
import { eventIdOf, type DomainEvent } from '@groundwork/domain';
import { metadataOf, type CommandContext } from '../commands/command-context.ts';
import type { EventSource, NewEvent, ValidationInfo } from './event.ts';

/** How the event of a decision is written: whatever is left out follows from the context. */
export interface EventForm {
  readonly id?: NewEvent['id'];
  readonly source?: EventSource;
  readonly occurredAt?: Date;
  /** Stored instead of the event's own data: the exact text another system sent. */
  readonly data?: unknown;
  readonly validation?: ValidationInfo;
}

/** The event number `index` (from 0) of a command: repeating the command gives the same event with the same id. */
export function eventOfCommand(
  event: DomainEvent,
  index: number,
  context: CommandContext,
  form: EventForm = {},
): NewEvent {
  return {
    id: form.id ?? eventIdOf(context.commandId, index),
    type: event.type,
    source: form.source ?? 'api',
    occurredAt: form.occurredAt ?? context.now,
    data: form.data ?? event.data,
    metadata: metadataOf(context),
    ...(form.validation === undefined ? {} : { validation: form.validation }),
  };
}
