// The steps around every handler, in this order: validate, authorise, trace, measure, handle.
import { InvalidInput, Misconfigured } from '../errors.ts';
import { parseExactJson } from '../exact-json.ts';
import { inputIssues } from '../input-issues.ts';
import type { Access, Actor } from '../ports/access.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandResult, StoredCommand } from '../ports/command-store.ts';
import type { Histogram, Metrics } from '../ports/metrics.ts';
import type { SpanFacts, Tracer } from '../ports/tracer.ts';
import type { CommandContext } from './command-context.ts';
import { isFinal } from './command-error.ts';
import type { CommandHandler } from './command-handler.ts';
import { refuseMalformedRetry, type CommandRetryPolicy } from './command-retry.ts';

export interface CommandPipelinePorts {
  readonly access: Access;
  readonly tracer: Tracer;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export class CommandPipeline {
  readonly #handlers = new Map<string, CommandHandler>();
  readonly #ports: CommandPipelinePorts;
  readonly #durations: Histogram;

  /** Throws Misconfigured `command.declared-twice` when two handlers claim one type, and `command.malformed-retry`. */
  constructor(handlers: readonly CommandHandler[], ports: CommandPipelinePorts) {
    for (const handler of handlers) {
      if (this.#handlers.has(handler.type)) {
        throw new Misconfigured(
          'command.declared-twice',
          `Two handlers are bound for the command ${handler.type}.`,
          'Rename one of them.',
        );
      }
      refuseMalformedRetry(handler.type, handler.retry);
      this.#handlers.set(handler.type, handler);
    }
    this.#ports = ports;
    this.#durations = ports.metrics.histogram(
      'groundwork_command_duration_seconds',
      'Duration of the handling of commands: processed, refused (will not succeed) or faulted (may succeed later).',
      ['type', 'outcome'],
    );
  }

  /**
   * Runs a stored command with the rights of whoever sent it. Throws InvalidInput `command.invalid-payload` with
   * pointers, NotPermitted, Misconfigured `command.no-handler`, and whatever the handler throws.
   */
  async run(command: StoredCommand): Promise<CommandResult> {
    const handler = this.#handlerOf(command.type);
    const payload = validated(handler, command);
    this.#ports.access.authorise(actorOf(command), handler.permission);
    const { clock, tracer } = this.#ports;
    const facts = (): SpanFacts => ({ attributes: attributesOf(command) });
    return tracer.span(`command ${command.type}`, facts, () =>
      this.#measured(command.type, () =>
        handler.handle(payload as never, contextOf(command, clock, tracer), command.payload.text),
      ),
    );
  }

  /** What the handler of the type says about trying it again. */
  retryOf(type: string): Partial<CommandRetryPolicy> {
    return this.#handlers.get(type)?.retry ?? {};
  }

  #handlerOf(type: string): CommandHandler {
    const handler = this.#handlers.get(type);
    if (handler !== undefined) return handler;
    throw new Misconfigured(
      'command.no-handler',
      `No context of this program handles the command ${type}.`,
      'Run a version of the program that knows it; the command waits until then.',
    );
  }

  async #measured(type: string, handle: () => Promise<CommandResult>): Promise<CommandResult> {
    const startMs = performance.now();
    const observe = (outcome: string): void =>
      this.#durations.observe((performance.now() - startMs) / 1000, { type, outcome });
    try {
      const result = await handle();
      observe('processed');
      return result;
    } catch (error) {
      observe(isFinal(error) ? 'refused' : 'faulted');
      throw error;
    }
  }
}

function validated(handler: CommandHandler, command: StoredCommand): unknown {
  const checked = handler.schema.safeParse(parseExactJson(command.payload.text));
  if (checked.success) return checked.data;
  throw new InvalidInput(
    'command.invalid-payload',
    `The payload of ${command.type} is not what the command needs.`,
    'Correct the places that the pointers name, and send it again.',
    inputIssues(checked.error),
  );
}

const actorOf = ({ actor, tenant }: StoredCommand): Actor => ({
  subject: actor.subject,
  tenant,
  roles: [],
  permissions: new Set(actor.permissions),
});

const contextOf = (command: StoredCommand, clock: Clock, { traceparent }: Tracer): CommandContext => ({
  commandId: command.id,
  tenant: command.tenant,
  actor: command.actor,
  correlationId: command.correlationId,
  ...(command.causationId === undefined ? {} : { causationId: command.causationId }),
  ...(command.requestId === undefined ? {} : { requestId: command.requestId }),
  ...(command.ifMatch === undefined ? {} : { ifMatch: command.ifMatch }),
  ...(traceparent === undefined ? {} : { traceparent }),
  now: clock.now(),
});

const attributesOf = (command: StoredCommand): SpanFacts['attributes'] => ({
  'groundwork.command.id': command.id,
  'groundwork.tenant': command.tenant,
  'groundwork.correlation_id': command.correlationId,
  'groundwork.attempt': command.attempts,
});
