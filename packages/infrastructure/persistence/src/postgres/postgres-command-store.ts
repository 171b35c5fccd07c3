// Commands in PostgreSQL, as a tenant's callers see them.
import type { TenantId, Uuid } from '@groundwork/domain';
import {
  Conflict,
  ExactJson,
  type CommandError,
  type CommandResult,
  type CommandStatus,
  type CommandStore,
  type NewCommand,
  type StoredCommand,
} from '@groundwork/application';
import type { Database, Statement } from './database.ts';
import type { Signals } from './signals.ts';

export interface CommandRow {
  readonly tenant: string;
  readonly command_id: string;
  readonly type: string;
  readonly payload: string;
  readonly order_keys: string[];
  readonly idempotency_key: string | null;
  readonly fingerprint: string;
  readonly subject: string;
  readonly permissions: string[];
  readonly correlation_id: string;
  readonly causation_id: string | null;
  readonly request_id: string | null;
  readonly if_match: number | null;
  readonly status: CommandStatus;
  readonly attempts: number;
  readonly result: string | null;
  readonly error: string | null;
  readonly accepted_at: Date;
  readonly updated_at: Date;
}

export class PostgresCommandStore implements CommandStore {
  readonly #database: Database;
  readonly #signals: Signals;

  constructor(database: Database, signals: Signals) {
    this.#database = database;
    this.#signals = signals;
  }

  async accept(command: NewCommand): Promise<{ command: StoredCommand; repeated: boolean }> {
    // A conflict that another transaction is still committing is waited for; then it can be read.
    const [inserted, existing] = await this.#database.transaction(command.tenant, async (transaction) => {
      const [row] = await transaction.query<CommandRow>(acceptStatement(command));
      if (row !== undefined) return [row, undefined];
      const [first] = await transaction.query<CommandRow>({
        name: 'command_by_key',
        text: 'select * from groundwork.command where tenant = $1 and (idempotency_key = $2 or command_id = $3)',
        values: [command.tenant, command.idempotencyKey, command.id],
      });
      return [undefined, first!];
    });
    if (inserted !== undefined) {
      if (inserted.status === 'pending') this.#signals.announce('commands');
      return { command: commandOf(inserted), repeated: false };
    }
    if (existing!.fingerprint !== command.fingerprint) throw keyReused(existing!);
    return { command: commandOf(existing!), repeated: true };
  }

  async get(tenant: TenantId, id: Uuid): Promise<StoredCommand | undefined> {
    const [row] = await this.#inTenant(
      tenant,
      'get_command',
      'select * from groundwork.command where tenant = $1 and command_id = $2',
      [id],
    );
    return row && commandOf(row);
  }

  async getAll(tenant: TenantId, ids: readonly Uuid[]): Promise<readonly StoredCommand[]> {
    const rows = await this.#inTenant(
      tenant,
      'get_commands',
      'select * from groundwork.command where tenant = $1 and command_id = any ($2)',
      [ids],
    );
    return rows.map(commandOf);
  }

  async ofCorrelation(
    tenant: TenantId,
    correlationId: string,
    { limit, after }: { limit: number; after?: Uuid },
  ): Promise<readonly StoredCommand[]> {
    const rows = await this.#inTenant(tenant, 'commands_of_correlation', OF_CORRELATION, [
      correlationId,
      after ?? null,
      limit,
    ]);
    return rows.map(commandOf);
  }

  async list(
    tenant: TenantId,
    { status, limit, before }: { status?: CommandStatus; limit: number; before?: Uuid },
  ): Promise<readonly StoredCommand[]> {
    const rows = await this.#inTenant(tenant, 'list_commands', LIST, [status ?? null, before ?? null, limit]);
    return rows.map(commandOf);
  }

  async retry(tenant: TenantId, id: Uuid): Promise<StoredCommand | undefined> {
    const [row] = await this.#inTenant(tenant, 'retry_command', RETRY, [id]);
    if (row !== undefined) this.#signals.announce('commands');
    return row === undefined ? this.get(tenant, id) : commandOf(row);
  }

  async complete(command: StoredCommand, owner: string, result: CommandResult): Promise<void> {
    await this.#inTenant(command.tenant, 'complete_command', COMPLETE, [command.id, owner, JSON.stringify(result)]);
  }

  async fail(command: StoredCommand, owner: string, error: CommandError): Promise<void> {
    await this.#inTenant(command.tenant, 'fail_command', FAIL, [command.id, owner, JSON.stringify(error)]);
  }

  async release(command: StoredCommand, owner: string, delayMs: number): Promise<void> {
    await this.#inTenant(command.tenant, 'release_command', RELEASE, [command.id, owner, delayMs]);
    this.#signals.announce('commands');
  }

  #inTenant(tenant: string, name: string, text: string, values: readonly unknown[]): Promise<CommandRow[]> {
    return this.#database.transaction(tenant, (transaction) =>
      transaction.query({ name, text, values: [tenant, ...values] }),
    );
  }
}

/** Stores a command and returns its row; no row when its id or its key is known already. */
export const acceptStatement = (command: NewCommand): Statement => ({
  name: 'accept_command',
  text: ACCEPT,
  values: accepted(command),
});

/** Takes what `has_turn` would take for each of the commands, all in one order: two who accept many cannot deadlock. */
export const lockKeysStatement = (commands: readonly NewCommand[]): Statement => ({
  name: 'lock_command_keys',
  text: LOCK_KEYS,
  values: [commands.flatMap(({ tenant, orderKeys }) => orderKeys.map((key) => `${tenant}/${key}`))],
});

const LOCK_KEYS = `
  select pg_advisory_xact_lock(70917203, locks.number)
    from (select distinct hashtext(key) & 255 as number from unnest($1::text[]) as key order by number) locks`;

// Whose turn has not come is for a worker, whoever wanted to run it.
const ACCEPT = `
  with turn as materialized (
    select case when groundwork.has_turn($1, $5) then $14::text end as owner
  ), accepted as (
    insert into groundwork.command
           (tenant, command_id, type, payload, order_keys, idempotency_key, fingerprint, subject, permissions,
            correlation_id, causation_id, request_id, if_match, status, attempts, owner, lease_until)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
           case when turn.owner is null then 'pending' else 'consumed' end,
           case when turn.owner is null then 0 else 1 end, turn.owner,
           case when turn.owner is not null then clock_timestamp() + $15 * interval '1 ms' end
      from turn
    on conflict do nothing returning *
  ), keyed as (
    insert into groundwork.command_key (tenant, order_key, acceptance)
      select distinct accepted.tenant, key, accepted.acceptance from accepted, unnest(accepted.order_keys) as key
  )
  select * from accepted`;

const LIST = `
  select * from groundwork.command
   where tenant = $1 and ($2::text is null or status = $2)
     and ($3::uuid is null or acceptance < (select acceptance from groundwork.command where tenant = $1 and command_id = $3))
   order by acceptance desc limit $4`;

const OF_CORRELATION = `
  select * from groundwork.command
   where tenant = $1 and correlation_id = $2
     and acceptance > coalesce((select acceptance from groundwork.command where tenant = $1 and command_id = $3), 0)
   order by acceptance limit $4`;

// Of its keys it is the last now, as if it had just been accepted: whoever came meanwhile may be running.
const RETRY = `
  with turn as materialized (
    select groundwork.has_turn(tenant, order_keys) from groundwork.command
     where tenant = $1 and command_id = $2 and status = 'failed'
  ), pending as (
    update groundwork.command
       set status = 'pending', acceptance = default, attempts = 0, error = null, available_at = clock_timestamp(),
           updated_at = clock_timestamp()
      from turn
     where tenant = $1 and command_id = $2 and status = 'failed' returning command.*
  ), keyed as (
    insert into groundwork.command_key (tenant, order_key, acceptance)
      select distinct pending.tenant, key, pending.acceptance from pending, unnest(pending.order_keys) as key
  )
  select * from pending`;

/** Ends the owner's work on a command; who waits for its keys may go on. */
const finished = (assignments: string): string => `
  with finished as (
    update groundwork.command
       set ${assignments}, owner = null, lease_until = null, updated_at = clock_timestamp()
     where tenant = $1 and command_id = $2 and owner = $3 and status = 'consumed' returning tenant, acceptance
  )
  delete from groundwork.command_key k using finished f where k.tenant = f.tenant and k.acceptance = f.acceptance`;

const COMPLETE = finished(`status = 'processed', result = $4`);

const FAIL = finished(`status = 'failed', error = $4`);

const RELEASE = `
  update groundwork.command
     set status = 'pending', owner = null, lease_until = null, updated_at = clock_timestamp(),
         available_at = clock_timestamp() + $4 * interval '1 ms'
   where tenant = $1 and command_id = $2 and owner = $3 and status = 'consumed'`;

function accepted(command: NewCommand): unknown[] {
  return [
    command.tenant,
    command.id,
    command.type,
    command.payload.text,
    command.orderKeys,
    command.idempotencyKey,
    command.fingerprint,
    command.actor.subject,
    command.actor.permissions,
    command.correlationId,
    command.causationId,
    command.requestId,
    command.ifMatch,
    command.consumedBy?.owner,
    command.consumedBy?.leaseMs,
  ];
}

function keyReused(existing: CommandRow): Conflict {
  return new Conflict(
    'command.idempotency-key-reused',
    'This idempotency key was used for a command with other content.',
    'Use a new key for a new command; repeat a command with exactly the same content.',
    { commandId: existing.command_id },
  );
}

/** A stored row as a command. */
export function commandOf(row: CommandRow): StoredCommand {
  return {
    id: row.command_id as Uuid,
    tenant: row.tenant as TenantId,
    type: row.type,
    payload: new ExactJson(row.payload),
    orderKeys: row.order_keys,
    idempotencyKey: row.idempotency_key ?? undefined,
    fingerprint: row.fingerprint,
    actor: { subject: row.subject, permissions: row.permissions },
    correlationId: row.correlation_id,
    ...(row.causation_id === null ? {} : { causationId: row.causation_id }),
    ...(row.request_id === null ? {} : { requestId: row.request_id }),
    ...(row.if_match === null ? {} : { ifMatch: row.if_match }),
    status: row.status,
    attempts: row.attempts,
    result: row.result === null ? undefined : (JSON.parse(row.result) as CommandResult),
    error: row.error === null ? undefined : (JSON.parse(row.error) as CommandError),
    acceptedAt: row.accepted_at,
    updatedAt: row.updated_at,
  };
}
