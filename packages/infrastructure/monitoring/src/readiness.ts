// Whether this process can do its work: all health checks, each with a deadline, asked at most once a second.
import { performance } from 'node:perf_hooks';
import type { HealthCheck } from '@groundwork/application';
import { maskSecrets } from './mask-secrets.ts';

const CACHED_MS_MAX = 1_000;
const GIVEN_UP_AFTER_DEADLINES = 5;

export interface CheckOutcome {
  readonly name: string;
  /** What is wrong; undefined when healthy. */
  readonly failure: string | undefined;
  /** Whether its failure makes the process unready. */
  readonly isVital: boolean;
  readonly seconds: number;
}

export class Readiness {
  readonly #checks: readonly HealthCheck[];
  readonly #timeoutMs: number;
  readonly #unanswered = new Map<HealthCheck, { readonly answer: Promise<void>; readonly askedAtMs: number }>();
  #round: { readonly startedAtMs: number; readonly outcomes: Promise<readonly CheckOutcome[]> } | undefined;

  constructor(checks: readonly HealthCheck[], timeoutMs: number) {
    this.#checks = checks;
    this.#timeoutMs = timeoutMs;
  }

  /** Never rejects and never takes longer than the deadline, whatever the checks do. */
  async outcomes(): Promise<readonly CheckOutcome[]> {
    const nowMs = performance.now();
    if (this.#round === undefined || nowMs - this.#round.startedAtMs >= CACHED_MS_MAX) {
      this.#round = { startedAtMs: nowMs, outcomes: Promise.all(this.#checks.map((check) => this.#ask(check))) };
    }
    return this.#round.outcomes;
  }

  async #ask(check: HealthCheck): Promise<CheckOutcome> {
    const startedAtMs = performance.now();
    const deadline = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => deadline.reject(new Error(`no answer within ${this.#timeoutMs} ms`)),
      this.#timeoutMs,
    );
    let failure: string | undefined;
    try {
      await Promise.race([this.#answer(check), deadline.promise]);
    } catch (error) {
      failure = maskSecrets(error instanceof Error ? error.message : String(error)) || 'failed without a reason';
    } finally {
      clearTimeout(timer);
    }
    return {
      name: check.name,
      failure,
      isVital: check.isVital ?? true,
      seconds: (performance.now() - startedAtMs) / 1_000,
    };
  }

  // A check that hangs is not asked again at once, or its questions would pile up; but it is not given up for ever.
  #answer(check: HealthCheck): Promise<void> {
    const unanswered = this.#unanswered.get(check);
    const patienceMs = GIVEN_UP_AFTER_DEADLINES * this.#timeoutMs;
    if (unanswered !== undefined && performance.now() - unanswered.askedAtMs < patienceMs) return unanswered.answer;
    const answer = (async () => check.check())();
    const asked = { answer, askedAtMs: performance.now() };
    this.#unanswered.set(check, asked);
    const forget = (): void => {
      if (this.#unanswered.get(check) === asked) this.#unanswered.delete(check);
    };
    answer.then(forget, forget);
    return answer;
  }
}
