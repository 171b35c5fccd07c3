// What a context offers for one type of command.
import type { ZodType } from 'zod';
import { port } from '../port.ts';
import type { Permission } from '../ports/access.ts';
import type { CommandResult } from '../ports/command-store.ts';
import type { CommandContext } from './command-context.ts';
import type { CommandRetryPolicy } from './command-retry.ts';

export interface CommandHandler<Payload = never> {
  /** `context.verb-noun`, such as `clients.record-change`. */
  readonly type: string;
  readonly permission: Permission;
  /** Checks the parsed payload before anything else happens. */
  readonly schema: ZodType<Payload>;
  /** How a worker tries it again; what is left out is as it is set for the worker. */
  readonly retry?: Partial<CommandRetryPolicy>;
  /**
   * Runs the command. It may be run again after a crash or a lost answer: derive event ids from `context.commandId`
   * (`eventIdOf`) or from the fact itself, so that the log recognises the repetition.
   */
  handle(payload: Payload, context: CommandContext, payloadText: string): Promise<CommandResult>;
}
export const CommandHandler = port<CommandHandler>('CommandHandler');
