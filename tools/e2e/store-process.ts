// The event store in a process of its own, which appends what its parent asks for and may be killed meanwhile.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Append, Appended } from '@groundwork/application';
import { infrastructureFactory } from '@groundwork/configuration';
import { counterModule } from './counter.module.ts';

export interface StoreProcess extends AsyncDisposable {
  /** Rejects with NotStored; its `code` is undefined when the process has ended before it could answer. */
  append(append: Append): Promise<Appended>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<unknown>;
}

export class NotStored extends Error {
  readonly code: string | undefined;
  readonly details: unknown;
  constructor(message: string, code?: string, details?: unknown) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

interface Order {
  readonly number: number;
  readonly append: Append;
}
type Answer =
  | { readonly number: number; readonly appended: Appended }
  | { readonly number: number; readonly message: string; readonly code: string | undefined; readonly details: unknown };

/** Knows the event types of counterModule. Ends with the parent, and when it is disposed of. */
export async function storeProcess(url: string): Promise<StoreProcess> {
  const child = fork(fileURLToPath(import.meta.url), [url], {
    execArgv: [],
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
  const waiting = new Map<number, { resolve(appended: Appended): void; reject(error: Error): void }>();
  const exit = once(child, 'exit').then(() => {
    for (const { reject } of waiting.values()) reject(new NotStored('The process has ended.'));
    waiting.clear();
  });
  await Promise.race([once(child, 'message'), exit.then(() => Promise.reject(new Error('It has not started.')))]);
  child.on('message', (answer: Answer) => {
    const { resolve, reject } = waiting.get(answer.number)!;
    waiting.delete(answer.number);
    if ('appended' in answer) resolve(answer.appended);
    else reject(new NotStored(answer.message, answer.code, answer.details));
  });
  let orderCount = 0;
  return {
    append: (append) =>
      new Promise((resolve, reject) => {
        if (!child.connected) return reject(new NotStored('The process has ended.'));
        const number = ++orderCount;
        waiting.set(number, { resolve, reject });
        child.send({ number, append } satisfies Order, () => undefined);
      }),
    kill: () => {
      child.kill('SIGKILL');
      return exit;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect();
      await exit;
    },
  };
}

async function serve(databaseUrl: string): Promise<void> {
  const settings = { LOG_LEVEL: 'error' };
  await using infrastructure = await infrastructureFactory({ databaseUrl, settings, modules: [counterModule] });
  process.on('message', ({ number, append }: Order) => {
    const answer = (given: Answer): void => void process.send!(given);
    infrastructure.eventStore.append(append).then(
      (appended) => answer({ number, appended }),
      ({ message, code, details }: NotStored) => answer({ number, message, code, details }),
    );
  });
  process.send!('ready');
  await once(process, 'disconnect');
}

const [, program, url] = process.argv;
if (program === fileURLToPath(import.meta.url)) await serve(url!);
