// Commands, stored before they are accepted: idempotency, audit and retry in one.
import type { TenantId, Uuid } from '@groundwork/domain';
import type { ExactJson } from '../exact-json.ts';
import { port } from '../port.ts';

export type CommandStatus = 'pending' | 'consumed' | 'processed' | 'failed';

export interface NewCommand {
  readonly id: Uuid;
  readonly tenant: TenantId;
  /** `context.verb-noun`, such as `clients.record-change`. */
  readonly type: string;
  readonly payload: ExactJson;
  /** Commands that share a key run one after the other, in the order in which they were accepted. */
  readonly orderKeys: readonly string[];
  /** The client's key; the same key again is answered with the first command. */
  readonly idempotencyKey: string | undefined;
  /** Equal for equal content. The same key with another fingerprint is refused. */
  readonly fingerprint: string;
  readonly actor: { readonly subject: string; readonly permissions: readonly string[] };
  readonly correlationId: string;
  readonly causationId?: string;
  readonly requestId?: string;
  /** The streamVersion the caller based this on (If-Match). */
  readonly ifMatch?: number;
  /**
   * Given when the accepting process would run the command itself: it is stored as consumed under this lease, unless an
   * open command shares an order key with it. Then it is pending like any other.
   */
  readonly consumedBy?: { readonly owner: string; readonly leaseMs: number };
}

export interface CommandError {
  readonly code: string;
  /** What the error was before it was stored, so that a repeated request is answered as the first one was. */
  readonly kind?:
    | 'refusal'
    | 'invalid'
    | 'conflict'
    | 'not-found'
    | 'not-permitted'
    | 'precondition-failed'
    | 'precondition-required'
    | 'gave-up';
  readonly message: string;
  readonly next?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a processed command led to; positions are decimal text because JSON numbers end at 2^53. */
export interface CommandResult {
  readonly position?: string;
  readonly streamVersion?: number;
  readonly [key: string]: unknown;
}

export interface StoredCommand extends Omit<NewCommand, 'consumedBy'> {
  readonly status: CommandStatus;
  /** How often it was taken to be run, but for the times it was put back; an operator's retry counts anew. */
  readonly attempts: number;
  readonly result: CommandResult | undefined;
  readonly error: CommandError | undefined;
  readonly acceptedAt: Date;
  readonly updatedAt: Date;
}

export interface CommandStore {
  /**
   * Stores a command, or finds the one that the same tenant stored under the same idempotency key (`repeated`).
   * When it resolves the command survives any crash. Throws Conflict `command.idempotency-key-reused` when the key
   * was used for other content.
   */
  accept(command: NewCommand): Promise<{ readonly command: StoredCommand; readonly repeated: boolean }>;

  get(tenant: TenantId, id: Uuid): Promise<StoredCommand | undefined>;

  /** Those of the commands that the tenant has, in any order. */
  getAll(tenant: TenantId, ids: readonly Uuid[]): Promise<readonly StoredCommand[]>;

  /** The commands of one correlation, oldest first; `after` is the id of the last one seen. */
  ofCorrelation(
    tenant: TenantId,
    correlationId: string,
    query: { limit: number; after?: Uuid },
  ): Promise<readonly StoredCommand[]>;

  /** Newest first; `before` is the id of the last one seen. */
  list(
    tenant: TenantId,
    query: { status?: CommandStatus; limit: number; before?: Uuid },
  ): Promise<readonly StoredCommand[]>;

  /**
   * A failed command becomes pending again, as if it had never been tried: behind all that is accepted. Anything else
   * is returned unchanged, undefined when unknown.
   */
  retry(tenant: TenantId, id: Uuid): Promise<StoredCommand | undefined>;

  /** Marks a consumed command as processed. Nothing happens when another owner has taken it over. */
  complete(command: StoredCommand, owner: string, result: CommandResult): Promise<void>;

  /** Marks a consumed command as failed. Nothing happens when another owner has taken it over. */
  fail(command: StoredCommand, owner: string, error: CommandError): Promise<void>;

  /** Gives a consumed command back: it is pending again, to be taken after `delayMs`. The attempt counts. */
  release(command: StoredCommand, owner: string, delayMs: number): Promise<void>;
}
export const CommandStore = port<CommandStore>('CommandStore');

export interface CommandBacklog {
  readonly open: number;
  /** When the open command was accepted that waits longest. */
  readonly oldestAcceptedAt: Date | undefined;
}

/** Whoever was cut off or failed this often may be what ends the processes of workers: from then on it runs alone. */
export const ATTEMPTS_IN_COMPANY_MAX = 3;

/** The worker's side of the command store: over all tenants. */
export interface CommandQueue {
  /**
   * Takes up to `limit` commands that are pending, or whose owner's lease ran out, in the order of acceptance.
   * A command is not taken while an earlier one with a common order key is unfinished under another owner.
   * What the owner itself has consumed it never gets again: it may still be running it. When the lease has run out
   * another owner takes it.
   * A command with ATTEMPTS_IN_COMPANY_MAX attempts behind it is taken alone, so that no other is counted with it.
   */
  claim(owner: string, limit: number, leaseMs: number): Promise<readonly StoredCommand[]>;
  /** Everything that the owner has consumed is its own for another `leaseMs` from now. */
  renew(owner: string, leaseMs: number): Promise<void>;
  /**
   * Gives a consumed command back that has not begun, or that a part which was away cut short: it is pending again, to
   * be taken after `delayMs`, and the attempt does not count. Nothing happens when another owner has taken it over.
   */
  putBack(command: StoredCommand, owner: string, delayMs: number): Promise<void>;
  /** What is accepted and has neither been processed nor failed, over all tenants. */
  backlog(): Promise<CommandBacklog>;
  /** Resolves when a command may have been accepted, or after `timeoutMs`. See LogSignal. */
  waitForCommands(timeoutMs: number, stop?: AbortSignal): Promise<void>;
}
export const CommandQueue = port<CommandQueue>('CommandQueue');
