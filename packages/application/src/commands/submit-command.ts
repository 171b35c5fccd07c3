// How an endpoint hands a command over: to be run soon, or to be run now.
import type { TenantId, Uuid } from '@groundwork/domain';
import { Unavailable } from '../errors.ts';
import { ExactJson, jsonTextOf } from '../exact-json.ts';
import { pause } from '../pause.ts';
import type { CommandResult, CommandStore, NewCommand, StoredCommand } from '../ports/command-store.ts';
import type { Ids } from '../ports/ids.ts';
import type { CommandPipeline } from './command-pipeline.ts';
import { commandErrorOf, errorOfCommand, isAnswer } from './command-error.ts';

const LOOK_AGAIN_MS = 25;

/** A command as an endpoint has it; an EndpointRequest brings most of it. */
export interface Submission {
  readonly type: string;
  /** Stored as it is when it is an ExactJson, else as JSON. */
  readonly payload: unknown;
  readonly tenant: TenantId;
  readonly actor: { readonly subject: string; readonly permissions: ReadonlySet<string> };
  readonly correlationId: string;
  readonly causationId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly ifMatch?: number | undefined;
  readonly orderKeys?: readonly string[];
  /** The client's Idempotency-Key: with the same content it is answered as before, with other content refused. */
  readonly idempotencyKey?: string | undefined;
  /**
   * The identity of the fact that the command carries, when its content names one. The same fact in another form is
   * the same command: the content is not compared. Given, it takes the place of the client's key.
   */
  readonly factKey?: string | undefined;
}

export interface SubmitSettings {
  /** Names this process among all that run commands. */
  readonly owner: string;
  /** How long the process may take before a worker runs the command again. */
  readonly leaseMs: number;
  /** How long a request waits for a result that another process or another request leads to. */
  readonly waitMs: number;
}

export interface Executed {
  readonly commandId: Uuid;
  readonly result: CommandResult;
  /** True when an earlier request led to this result. */
  readonly repeated: boolean;
}

export class Commands {
  readonly #store: CommandStore;
  readonly #pipeline: CommandPipeline;
  readonly #ids: Ids;
  readonly #settings: SubmitSettings;

  constructor(store: CommandStore, pipeline: CommandPipeline, ids: Ids, settings: SubmitSettings) {
    this.#store = store;
    this.#pipeline = pipeline;
    this.#ids = ids;
    this.#settings = settings;
  }

  /**
   * Stores the command; a worker runs it. When this resolves the command survives any crash: answer 202 with
   * `/v1/commands/{id}`. Throws Conflict `command.idempotency-key-reused`.
   */
  accept(submission: Submission): Promise<{ readonly command: StoredCommand; readonly repeated: boolean }> {
    return this.#store.accept(this.#newCommand(submission));
  }

  /**
   * Stores the command, runs it at once and keeps its result or its refusal, which is thrown on. An open command with a
   * common order key goes first: then a worker runs this one in its turn, and the result is waited for. So is the first
   * result of a repeated key. Unavailable `command.still-running` says that it did not come within `waitMs`.
   * A VersionConflict is kept like a refusal, and so is a retryable one: what was answered never runs again by itself.
   * When the outcome is unknown (the database went away) that error is thrown and a worker takes the command up after
   * the lease; repeating the request with its key tells what became of it.
   */
  async execute(submission: Submission): Promise<Executed> {
    const { owner, leaseMs } = this.#settings;
    const { command, repeated } = await this.#store.accept({
      ...this.#newCommand(submission),
      consumedBy: { owner, leaseMs },
    });
    const isOurs = !repeated && command.status === 'consumed';
    const result = isOurs ? await this.#run(command) : await this.#awaitedResult(command);
    return { commandId: command.id, result, repeated };
  }

  async #run(command: StoredCommand): Promise<CommandResult> {
    const { owner } = this.#settings;
    try {
      const result = await this.#pipeline.run(command);
      await this.#store.complete(command, owner, result);
      return result;
    } catch (error) {
      if (isAnswer(error)) await this.#store.fail(command, owner, commandErrorOf(error));
      throw error;
    }
  }

  async #awaitedResult(awaited: StoredCommand): Promise<CommandResult> {
    const endsAtMs = performance.now() + this.#settings.waitMs;
    for (let command = awaited; ;) {
      if (command.status === 'processed') return command.result ?? {};
      if (command.status === 'failed' && command.error !== undefined) throw errorOfCommand(command.error);
      if (performance.now() >= endsAtMs) throw stillRunning(command);
      await pause(LOOK_AGAIN_MS);
      command = (await this.#store.get(command.tenant, command.id)) ?? command;
    }
  }

  #newCommand(submission: Submission): NewCommand {
    const { type, tenant, actor, correlationId, causationId, requestId, ifMatch, idempotencyKey, factKey } = submission;
    const payload =
      submission.payload instanceof ExactJson ? submission.payload : new ExactJson(jsonTextOf(submission.payload));
    const content = factKey === undefined ? [type, payload.text, ifMatch ?? null] : [type, factKey];
    return {
      id: this.#ids.next(),
      tenant,
      type,
      payload,
      orderKeys: submission.orderKeys ?? [],
      // A client cannot take the place of a fact: the two kinds of keys never meet.
      idempotencyKey: factKey !== undefined ? `fact:${factKey}` : idempotencyKey && `key:${idempotencyKey}`,
      fingerprint: this.#ids.fingerprint(JSON.stringify(content)),
      actor: { subject: actor.subject, permissions: [...actor.permissions] },
      correlationId,
      ...(causationId === undefined ? {} : { causationId }),
      ...(requestId === undefined ? {} : { requestId }),
      ...(ifMatch === undefined ? {} : { ifMatch }),
    };
  }
}

const stillRunning = ({ id }: StoredCommand): Unavailable =>
  new Unavailable(
    'command.still-running',
    `Command ${id} is not done: it is still running, or waits for others that go first.`,
    `Ask for /v1/commands/${id}, or repeat the request with its Idempotency-Key later.`,
  );
