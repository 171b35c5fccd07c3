// Commands in memory: the twin of the PostgreSQL command store, under the same contract.
import {
  ATTEMPTS_IN_COMPANY_MAX,
  Conflict,
  type Clock,
  type CommandBacklog,
  type CommandError,
  type CommandQueue,
  type CommandResult,
  type CommandStatus,
  type CommandStore,
  type NewCommand,
  type StoredCommand,
} from '@groundwork/application';
import type { TenantId, Uuid } from '@groundwork/domain';
import { WakeUp } from './wake-up.ts';

interface Entry {
  command: StoredCommand;
  owner: string | undefined;
  leaseUntilMs: number;
  /** A command that was given back waits until then. */
  readyAtMs: number;
}

/** Keeps commands as long as the process lives. Not for production: nothing survives the end of the process. */
export class MemoryCommandStore implements CommandStore, CommandQueue {
  readonly #clock: Clock;
  /** In the order of acceptance; an operator's retry accepts anew. */
  readonly #entries: Entry[] = [];
  readonly #accepted = new WakeUp();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async accept(command: NewCommand): Promise<{ command: StoredCommand; repeated: boolean }> {
    const first = this.#firstOf(command);
    if (first !== undefined) {
      if (first.fingerprint !== command.fingerprint) throw keyReused(command);
      return { command: first, repeated: true };
    }
    const { consumedBy: wanted, ...rest } = command;
    const consumedBy = this.#hasTurn(command) ? wanted : undefined;
    const now = this.#clock.now();
    const stored: StoredCommand = {
      ...rest,
      status: consumedBy === undefined ? 'pending' : 'consumed',
      attempts: consumedBy === undefined ? 0 : 1,
      result: undefined,
      error: undefined,
      acceptedAt: now,
      updatedAt: now,
    };
    const leaseUntilMs = consumedBy === undefined ? 0 : now.getTime() + consumedBy.leaseMs;
    this.#entries.push({ command: stored, owner: consumedBy?.owner, leaseUntilMs, readyAtMs: 0 });
    this.#accepted.ring();
    return { command: stored, repeated: false };
  }

  async get(tenant: TenantId, id: Uuid): Promise<StoredCommand | undefined> {
    return this.#entry(tenant, id)?.command;
  }

  async getAll(tenant: TenantId, ids: readonly Uuid[]): Promise<readonly StoredCommand[]> {
    return ids.flatMap((id) => this.#entry(tenant, id)?.command ?? []);
  }

  async ofCorrelation(
    tenant: TenantId,
    correlationId: string,
    { limit, after }: { limit: number; after?: Uuid },
  ): Promise<readonly StoredCommand[]> {
    const start = after === undefined ? 0 : this.#entries.findIndex(({ command }) => command.id === after) + 1;
    return this.#entries
      .slice(start)
      .map(({ command }) => command)
      .filter((command) => command.tenant === tenant && command.correlationId === correlationId)
      .slice(0, limit);
  }

  async list(
    tenant: TenantId,
    { status, limit, before }: { status?: CommandStatus; limit: number; before?: Uuid },
  ): Promise<readonly StoredCommand[]> {
    const newestFirst = this.#entries
      .map(({ command }) => command)
      .filter((command) => command.tenant === tenant)
      .reverse();
    const start = before === undefined ? 0 : newestFirst.findIndex(({ id }) => id === before) + 1;
    return newestFirst
      .slice(start)
      .filter((command) => status === undefined || command.status === status)
      .slice(0, limit);
  }

  async retry(tenant: TenantId, id: Uuid): Promise<StoredCommand | undefined> {
    const entry = this.#entry(tenant, id);
    if (entry?.command.status !== 'failed') return entry?.command;
    this.#change(entry, { status: 'pending', error: undefined, attempts: 0 });
    entry.readyAtMs = 0;
    this.#entries.push(...this.#entries.splice(this.#entries.indexOf(entry), 1));
    this.#accepted.ring();
    return entry.command;
  }

  async complete(command: StoredCommand, owner: string, result: CommandResult): Promise<void> {
    this.#settle(command, owner, { status: 'processed', result: asStored(result) });
  }

  async fail(command: StoredCommand, owner: string, error: CommandError): Promise<void> {
    this.#settle(command, owner, { status: 'failed', error: asStored(error) });
  }

  async release(command: StoredCommand, owner: string, delayMs: number): Promise<void> {
    const entry = this.#settle(command, owner, { status: 'pending' });
    if (entry !== undefined) this.#putOff(entry, delayMs);
  }

  async claim(owner: string, limit: number, leaseMs: number): Promise<readonly StoredCommand[]> {
    const nowMs = this.#clock.now().getTime();
    const claimed: StoredCommand[] = [];
    const blockedKeys = new Set<string>();
    for (const entry of this.#entries.filter(isOpen)) {
      if (claimed.length >= limit) break;
      const keys = entry.command.orderKeys.map((key) => `${entry.command.tenant}/${key}`);
      if (isFree(entry, owner, nowMs) && !keys.some((key) => blockedKeys.has(key))) {
        const isSuspect = entry.command.attempts >= ATTEMPTS_IN_COMPANY_MAX;
        if (isSuspect && claimed.length > 0) break;
        this.#change(entry, { status: 'consumed', attempts: entry.command.attempts + 1 });
        entry.owner = owner;
        entry.leaseUntilMs = nowMs + leaseMs;
        claimed.push(entry.command);
        if (isSuspect) break;
      } else if (entry.command.status === 'pending' || entry.owner !== owner) {
        keys.forEach((key) => blockedKeys.add(key));
      }
    }
    return claimed;
  }

  async renew(owner: string, leaseMs: number): Promise<void> {
    const leaseUntilMs = this.#clock.now().getTime() + leaseMs;
    for (const entry of this.#entries) if (entry.owner === owner) entry.leaseUntilMs = leaseUntilMs;
  }

  async putBack(command: StoredCommand, owner: string, delayMs: number): Promise<void> {
    const attempts = (this.#entry(command.tenant, command.id)?.command.attempts ?? 1) - 1;
    const entry = this.#settle(command, owner, { status: 'pending', attempts });
    if (entry !== undefined) this.#putOff(entry, delayMs);
  }

  async backlog(): Promise<CommandBacklog> {
    const open = this.#entries.filter(isOpen);
    return { open: open.length, oldestAcceptedAt: open[0]?.command.acceptedAt };
  }

  waitForCommands(timeoutMs: number, stop?: AbortSignal): Promise<void> {
    return this.#accepted.wait(timeoutMs, stop);
  }

  #firstOf({ tenant, id, idempotencyKey }: NewCommand): StoredCommand | undefined {
    return this.#entries.find(
      ({ command }) =>
        command.tenant === tenant &&
        (command.id === id || (idempotencyKey !== undefined && command.idempotencyKey === idempotencyKey)),
    )?.command;
  }

  /** Whether no open command shares an order key with this one. */
  #hasTurn({ tenant, orderKeys }: NewCommand): boolean {
    return !this.#entries
      .filter(isOpen)
      .some(({ command }) => command.tenant === tenant && command.orderKeys.some((key) => orderKeys.includes(key)));
  }

  #entry(tenant: TenantId, id: Uuid): Entry | undefined {
    return this.#entries.find(({ command }) => command.tenant === tenant && command.id === id);
  }

  /** Ends the work of the owner on a command; undefined when it is no longer the owner's. */
  #settle({ tenant, id }: StoredCommand, owner: string, change: Partial<StoredCommand>): Entry | undefined {
    const entry = this.#entry(tenant, id);
    if (entry?.command.status !== 'consumed' || entry.owner !== owner) return undefined;
    this.#change(entry, change);
    entry.owner = undefined;
    if (change.status !== 'pending') this.#accepted.ring();
    return entry;
  }

  #putOff(entry: Entry, delayMs: number): void {
    entry.readyAtMs = this.#clock.now().getTime() + delayMs;
    this.#accepted.ring();
  }

  #change(entry: Entry, change: Partial<StoredCommand>): void {
    entry.command = { ...entry.command, ...change, updatedAt: this.#clock.now() };
  }
}

const isOpen = ({ command: { status } }: Entry): boolean => status === 'pending' || status === 'consumed';

function isFree({ command, owner, leaseUntilMs, readyAtMs }: Entry, claimer: string, nowMs: number): boolean {
  return command.status === 'pending' ? readyAtMs <= nowMs : owner !== claimer && leaseUntilMs <= nowMs;
}

const asStored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const keyReused = (command: NewCommand): Conflict =>
  new Conflict(
    'command.idempotency-key-reused',
    `The idempotency key of this ${command.type} was used before for other content.`,
    'Send new content under a new key; repeat a request with exactly the same content.',
  );
