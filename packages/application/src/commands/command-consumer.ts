// The worker's loop over stored commands: concurrent, but one after the other where they share an order key.
import { CodedError } from '@groundwork/domain';
import { pause } from '../pause.ts';
import type { Clock } from '../ports/clock.ts';
import {
  ATTEMPTS_IN_COMPANY_MAX,
  type CommandQueue,
  type CommandResult,
  type CommandStore,
  type StoredCommand,
} from '../ports/command-store.ts';
import type { Logger } from '../ports/logger.ts';
import type { Counter, Metrics } from '../ports/metrics.ts';
import { BacklogReport } from './backlog-report.ts';
import { COMMAND_CONSUMER_DEFAULTS, type CommandConsumerSettings } from './command-consumer-settings.ts';
import { commandErrorOf, gaveUp, isFinal, isPassing } from './command-error.ts';
import type { CommandPipeline } from './command-pipeline.ts';
import { delayMsOf, exhausted, type CommandRetryPolicy } from './command-retry.ts';
import { HeldCommands } from './held-commands.ts';
import { OrderChains } from './order-chains.ts';

export interface CommandConsumerPorts {
  readonly queue: CommandQueue;
  readonly store: CommandStore;
  readonly pipeline: Pick<CommandPipeline, 'run' | 'retryOf'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A command, and the name under which it was claimed. */
interface Claim {
  readonly command: StoredCommand;
  readonly owner: string;
}

/** `settled`: the command has its result or its error. `released`: it was given back, to be run later. */
type Ending = 'settled' | 'released';

export class CommandConsumer {
  readonly #ports: CommandConsumerPorts;
  readonly #settings: CommandConsumerSettings;
  readonly #retries: Counter;
  readonly #backlog: BacklogReport;
  readonly #held: HeldCommands;
  readonly #chains = new OrderChains<Ending>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #hanging = new WeakSet<Promise<unknown>>();
  readonly #releases = new Set<Promise<unknown>>();
  #lastBeatAt: Date | undefined;

  constructor(
    ports: CommandConsumerPorts,
    settings: Pick<CommandConsumerSettings, 'owner'> & Partial<CommandConsumerSettings>,
  ) {
    this.#ports = ports;
    this.#settings = { ...COMMAND_CONSUMER_DEFAULTS, ...settings };
    this.#backlog = new BacklogReport(ports.queue, ports.clock, ports.metrics);
    this.#held = new HeldCommands(settings.owner);
    this.#retries = ports.metrics.counter('groundwork_command_retries_total', 'Commands given back to run later.', [
      'type',
    ]);
  }

  /** When the loop last gave a sign of life: a watchdog compares it with the clock. */
  get lastBeatAt(): Date | undefined {
    return this.#lastBeatAt;
  }

  /**
   * Runs commands until `stop` is aborted, whatever happens to the database; then ends what has begun and gives back
   * the rest.
   */
  async run(stop: AbortSignal): Promise<void> {
    const { leaseMs, reportIntervalMs } = this.#settings;
    // What runs is held until its end, also when no more is begun.
    const over = new AbortController();
    const meanwhile = Promise.all([
      this.#every(leaseMs / 3, () => this.#renew(), over.signal),
      this.#every(reportIntervalMs, () => this.#backlog.publish(), over.signal),
    ]);
    try {
      await this.#consume(stop);
      await Promise.all(this.#running);
    } finally {
      over.abort();
      await meanwhile;
    }
  }

  async #consume(stop: AbortSignal): Promise<void> {
    let failures = 0;
    while (!stop.aborted) {
      this.#lastBeatAt = this.#ports.clock.now();
      // The wait begins before the look at the queue: what is accepted meanwhile ends it at once.
      const lookOver = new AbortController();
      const accepted = this.#accepted(AbortSignal.any([stop, lookOver.signal]));
      try {
        const claimed = await this.#claim(stop);
        if (claimed > 0) lookOver.abort();
        failures = 0;
      } catch (error) {
        lookOver.abort();
        this.#warn('Commands cannot be claimed for now.', error);
        await pause(this.#awayMs(++failures), stop);
      }
      await accepted;
    }
  }

  async #renew(): Promise<void> {
    for (const owner of this.#held.owners) await this.#ports.queue.renew(owner, this.#settings.leaseMs);
  }

  /** Does the work at once and again and again; what goes wrong is told, and tried anew the next time. */
  async #every(intervalMs: number, work: () => Promise<void>, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await work().catch((error: unknown) => this.#warn('The queue cannot be reached for now.', error));
      await pause(intervalMs, stop);
    }
  }

  /** Claims as many commands as there is room for, and starts them. */
  async #claim(stop: AbortSignal): Promise<number> {
    const { concurrencyMax, leaseMs } = this.#settings;
    const owner = this.#held.claimingOwner;
    if (this.#running.size >= concurrencyMax) await Promise.race(this.#running);
    await this.#untilNothingIsReleased();
    // Only what ended before the claim may be forgotten: the claim may have seen what ends during it as still ours.
    this.#chains.forgetEnded();
    const claimed = await this.#ports.queue
      .claim(owner, concurrencyMax - this.#running.size, leaseMs)
      .catch((error: unknown) => {
        this.#held.claimWasLost();
        throw error;
      });
    for (let n = 0; n < claimed.length; n++) this.#held.hold(owner);
    const isSuspect = claimed.some(({ attempts }) => attempts > ATTEMPTS_IN_COMPANY_MAX);
    if (isSuspect) await this.#untilAlone(stop);
    for (const command of claimed) this.#start({ command, owner }, stop);
    if (isSuspect) await this.#untilAlone(stop);
    return claimed.length;
  }

  /** Waits for what runs. What does not end within a lease hangs: it keeps running, and nothing waits for it again. */
  async #untilAlone(stop: AbortSignal): Promise<void> {
    const over = new AbortController();
    const awaited = [...this.#running].filter((ending) => !this.#hanging.has(ending));
    void Promise.all(awaited).then(() => over.abort());
    await pause(this.#settings.leaseMs, AbortSignal.any([stop, over.signal]));
    for (const ending of this.#running) this.#hanging.add(ending);
  }

  #start(claim: Claim, stop: AbortSignal): void {
    const { tenant, id, orderKeys } = claim.command;
    // Its own id keeps it behind itself: a lease may run out while this process is cut off, and the command come again.
    const keys = [`${tenant}//${id}`, ...orderKeys.map((key) => `${tenant}/${key}`)];
    const ending = this.#chains.append(keys, (before) =>
      stop.aborted || before.includes('released') ? this.#putBack(claim, 0, stop) : this.#handle(claim, stop),
    );
    this.#running.add(ending);
    void ending.finally(() => {
      this.#running.delete(ending);
      this.#held.letGo(claim.owner);
    });
  }

  async #handle(claim: Claim, stop: AbortSignal): Promise<Ending> {
    const { command, owner } = claim;
    const policy = this.#policyOf(command);
    // The attempts before this one were claimed and never given back: they ended their process.
    if (command.attempts > policy.attemptsMax) return this.#fail(claim, gaveUp(policy.attemptsMax), stop);
    let result: CommandResult;
    try {
      result = await this.#ports.pipeline.run(command);
    } catch (error) {
      if (isFinal(error)) return this.#fail(claim, error, stop);
      if (!isPassing(error) && command.attempts >= policy.attemptsMax) {
        this.#warn('A command could not be run; it is not tried again.', error, command);
        return this.#fail(claim, exhausted(command.attempts, error), stop);
      }
      this.#warn('A command could not be run; it is tried again.', error, command);
      if (isPassing(error)) return this.#putBack(claim, this.#waitMsOf(command), stop);
      return this.#giveBack(claim, stop, () =>
        this.#ports.store.release(command, owner, delayMsOf(policy, command.attempts)),
      );
    }
    const isTold = await this.#untilDone(() => this.#ports.store.complete(command, owner, result), stop);
    if (isTold) this.#logger(command).info('A command was processed.');
    return 'settled';
  }

  async #fail({ command, owner }: Claim, error: CodedError, stop: AbortSignal): Promise<Ending> {
    const isTold = await this.#untilDone(() => this.#ports.store.fail(command, owner, commandErrorOf(error)), stop);
    if (isTold) this.#logger(command).info('A command failed.', { code: error.code });
    return 'settled';
  }

  #putBack(claim: Claim, delayMs: number, stop: AbortSignal): Promise<Ending> {
    return this.#giveBack(claim, stop, () => this.#ports.queue.putBack(claim.command, claim.owner, delayMs));
  }

  async #giveBack({ command }: Claim, stop: AbortSignal, tell: () => Promise<void>): Promise<Ending> {
    this.#retries.add(1, { type: command.type });
    const told = this.#untilDone(tell, stop);
    this.#releases.add(told);
    await told;
    this.#releases.delete(told);
    return 'released';
  }

  /**
   * A claim that meets a release half-way could bring a command without the one that has to go before it. The turn of
   * the event loop lets the chains hear of what was released, and lets everything else in the process breathe.
   */
  async #untilNothingIsReleased(): Promise<void> {
    do {
      await Promise.all(this.#releases);
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#releases.size > 0);
  }

  /**
   * Tells the store until it has heard: commands that wait for this one must not overtake it because the database was
   * away for a moment. Once the worker is to stop, one attempt is enough: the lease runs out by itself. False when the
   * store has not heard.
   */
  async #untilDone(tell: () => Promise<void>, stop: AbortSignal): Promise<boolean> {
    for (let failures = 1; ; failures++) {
      try {
        await tell();
        return true;
      } catch (error) {
        this.#warn('What became of a command could not be stored yet.', error);
        if (stop.aborted) return false;
        await pause(this.#awayMs(failures), stop);
      }
    }
  }

  async #accepted(stop: AbortSignal): Promise<void> {
    const { pollIntervalMs } = this.#settings;
    try {
      await this.#ports.queue.waitForCommands(pollIntervalMs, stop);
    } catch (error) {
      this.#warn('The signal of the queue failed; the worker polls.', error);
      await pause(pollIntervalMs, stop);
    }
  }

  #warn(message: string, error: unknown, command?: StoredCommand): void {
    const code = error instanceof CodedError ? error.code : 'command.unexpected';
    const logger = command === undefined ? this.#ports.logger : this.#logger(command);
    logger.warn(message, { code, error: error instanceof CodedError ? error.message : error });
  }

  #logger({ id, type, tenant, correlationId, attempts }: StoredCommand): Logger {
    return this.#ports.logger.child({ commandId: id, commandType: type, tenant, correlationId, attempts });
  }

  /** What passes by itself has no count of attempts to go by: the wait is half as long as the command has waited. */
  #waitMsOf({ acceptedAt }: StoredCommand): number {
    const { retryDelayMs, retryDelayMaxMs } = this.#settings;
    const ageMs = this.#ports.clock.now().getTime() - acceptedAt.getTime();
    return Math.min(retryDelayMaxMs, Math.max(retryDelayMs, ageMs / 2));
  }

  /** However long the store was away: once it is back, the work goes on within one look. */
  #awayMs(failures: number): number {
    return Math.min(delayMsOf(this.#settings, failures), this.#settings.pollIntervalMs);
  }

  /** What the handler of the command says goes before what is set for the worker. */
  #policyOf({ type }: StoredCommand): CommandRetryPolicy {
    return { ...this.#settings, ...this.#ports.pipeline.retryOf(type) };
  }
}
