// A second process with a cache of two levels, which does what messages tell it; started by `startCachingProcess`.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TenantId } from '@groundwork/domain';
import { CacheMeter } from '../cache-meter.ts';
import { NAMED_CACHE_DEFAULTS, NamedCache } from '../named-cache.ts';
import { Outage } from '../outage.ts';
import { TwoLevelStrategy } from '../two-level-strategy.ts';

export type Told =
  | { readonly do: 'warm'; readonly tenant: TenantId; readonly key: string }
  /** Reads until the value is another one, and says when that was. */
  | { readonly do: 'await-other'; readonly tenant: TenantId; readonly key: string; readonly than: unknown }
  /** So many at once; each load takes 50 ms. Answers how many loads there were. */
  | { readonly do: 'remember'; readonly tenant: TenantId; readonly key: string; readonly times: number }
  | { readonly do: 'get'; readonly tenant: TenantId; readonly key: string };

export interface CachingProcess extends AsyncDisposable {
  tell<T>(told: Told): Promise<T>;
}

export async function startCachingProcess(url: string): Promise<CachingProcess> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [url], { execArgv: [] });
  await once(child, 'message');
  let id = 0;
  return {
    tell<T>(told: Told) {
      const number = ++id;
      return new Promise<T>((resolve) => {
        const answered = (answer: { readonly id: number; readonly result: T }): void => {
          if (answer.id !== number) return;
          child.off('message', answered);
          resolve(answer.result);
        };
        child.on('message', answered);
        child.send({ id: number, told });
      });
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The time of this machine, the same in every process. */
export const machineMs = (): number => performance.timeOrigin + performance.now();

async function serve(url: string): Promise<void> {
  const guard = <T>(operation: (signal: AbortSignal) => Promise<T>): Promise<T> => operation(AbortSignal.timeout(200));
  const strategy = new TwoLevelStrategy(url, guard, { entriesMax: 1_000, bytesMax: 10_000_000 });
  // Nobody looks at them here, and what tests look with needs jest.
  const nothing = new Proxy({}, { get: () => () => nothing }) as never;
  const parts = { strategy, meter: new CacheMeter('things', nothing), outage: new Outage(nothing) };
  const cache = new NamedCache({ ...NAMED_CACHE_DEFAULTS, name: 'things' }, parts);
  while (!strategy.isNearUsed) await new Promise((resolve) => setTimeout(resolve, 5));
  process.on('message', ({ id, told }: { id: number; told: Told }) => {
    void answerTo(told, cache, strategy).then((result) => process.send!({ id, result }));
  });
  process.send!('ready');
}

async function answerTo(told: Told, cache: NamedCache, strategy: TwoLevelStrategy): Promise<unknown> {
  const { tenant, key } = told;
  switch (told.do) {
    case 'warm':
      await cache.get(tenant, key);
      return strategy.peek({ tenant, cache: 'things' }, key) !== undefined;
    case 'await-other':
      for (;;) {
        const hit = await cache.get(tenant, key);
        if (hit?.value !== told.than) return { atMs: machineMs(), value: hit?.value };
        await new Promise((resolve) => setImmediate(resolve));
      }
    case 'remember': {
      let loads = 0;
      const load = async (): Promise<number> => {
        loads++;
        await new Promise((resolve) => setTimeout(resolve, 50));
        return 1;
      };
      await Promise.all(Array.from({ length: told.times }, () => cache.remember(tenant, key, load)));
      return loads;
    }
    case 'get':
      return (await cache.get(tenant, key))?.value;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2]!);
