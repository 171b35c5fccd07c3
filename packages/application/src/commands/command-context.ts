// Everything a handler may know about the circumstances of its command.
import type { TenantId, Uuid } from '@groundwork/domain';
import type { EventMetadata } from '../events/event.ts';

export interface CommandContext {
  readonly commandId: Uuid;
  readonly tenant: TenantId;
  readonly actor: { readonly subject: string; readonly permissions: readonly string[] };
  readonly correlationId: string;
  readonly causationId?: string;
  readonly requestId?: string;
  /** The streamVersion the caller based the command on, from If-Match. */
  readonly ifMatch?: number;
  /** The span of this attempt, in W3C form, where somebody records: what follows from the events is linked to it. */
  readonly traceparent?: string;
  /** The time at which this attempt started. */
  readonly now: Date;
}

/** The metadata of the events that a command leads to. */
export function metadataOf(context: CommandContext): EventMetadata {
  return {
    actor: context.actor.subject,
    correlationId: context.correlationId,
    causationId: context.commandId,
    ...(context.requestId === undefined ? {} : { requestId: context.requestId }),
    ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
  };
}
