// The TimeLimit port for tests: handlers may hang there, too.
import { createContext, Script } from 'node:vm';
import type { TimeLimit } from '@groundwork/application';

export class VmTimeLimit implements TimeLimit {
  readonly #script = new Script('work()');
  readonly #context = createContext({ work: undefined as unknown });

  run<T>(limitMs: number, work: () => T): { readonly value: T } | undefined {
    this.#context['work'] = work;
    try {
      return { value: this.#script.runInContext(this.#context, { timeout: limitMs }) as T };
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
      throw error;
    }
  }
}
