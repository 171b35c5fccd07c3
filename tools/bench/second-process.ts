// Our store in a process of its own, told what to do by its parent.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { runWindow, type Window } from './closed-loop.ts';
import { ourStore } from './our-store.ts';
import { StreamTickets } from './stream-tickets.ts';

type Order = { readonly clients: number; readonly durationMs: number } | 'acknowledged';

export interface SecondProcess extends AsyncDisposable {
  window(clients: number, durationMs: number): Promise<Window>;
  acknowledged(): Promise<ReadonlyMap<string, number>>;
}

/** Ends with the parent, and when it is disposed of. */
export async function secondProcess(url: string): Promise<SecondProcess> {
  const child = fork(fileURLToPath(import.meta.url), [url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const answer = async (): Promise<unknown> => {
    const told = once(child, 'message').then(([message]) => message as unknown);
    const died = ended.then(([code]) => Promise.reject(new Error(`The second process ended with ${String(code)}.`)));
    return Promise.race([told, died]);
  };
  const ask = (order: Order): Promise<unknown> => {
    child.send(order);
    return answer();
  };
  await answer();
  return {
    window: async (clients, durationMs) => (await ask({ clients, durationMs })) as Window,
    acknowledged: async () => new Map((await ask('acknowledged')) as [string, number][]),
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

async function obey(url: string): Promise<void> {
  await using store = await ourStore(url);
  const tickets = new StreamTickets();
  const request = tickets.request((stream, version) => store.append(stream, version, 1));
  process.on('message', (order: Order) => {
    if (order === 'acknowledged') process.send!([...tickets.acknowledged]);
    else void runWindow(request, order.clients, order.durationMs).then((window) => process.send!(window));
  });
  process.send!('ready');
  await once(process, 'disconnect');
}

const [, program, url] = process.argv;
if (program === fileURLToPath(import.meta.url)) await obey(url!);
