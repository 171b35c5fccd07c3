// The TimeLimit port: V8 ends what runs too long, also `while (true)`; a thread of its own looks at the clock.
import type { TimeLimit } from '@groundwork/application';
import { createContext, Script } from 'node:vm';

/** Ends JavaScript only: a call into the system that does not come back stays where it is. */
export class ScriptTimeLimit implements TimeLimit {
  readonly #script = new Script('work()');
  readonly #context = createContext({ work: undefined as unknown });

  run<T>(limitMs: number, work: () => T): { readonly value: T } | undefined {
    this.#context['work'] = work;
    try {
      return { value: this.#script.runInContext(this.#context, { timeout: limitMs, displayErrors: false }) as T };
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
      throw error;
    } finally {
      this.#context['work'] = undefined;
    }
  }
}
