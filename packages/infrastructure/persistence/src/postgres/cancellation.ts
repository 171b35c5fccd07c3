// Ends a statement on the server when nobody waits for it any more.
import { once } from 'node:events';
import pg from 'pg';

const CANCEL_MS_MAX = 2_000;

// @types/pg does not know what the server told the connection, and how another one quotes it.
type Cancellable = pg.ClientBase & {
  readonly processID: number;
  readonly secretKey: number;
  readonly host: string;
  readonly port: number;
  readonly ssl: boolean | object;
};
type CancellingConnection = pg.Connection & {
  connect(port: number | string, host?: string): void;
  cancel(processId: number, secretKey: number): void;
};

/**
 * Runs `work` on the connection; rejects with the signal's reason once it is aborted and the server has been told. The
 * connection must not be used again then: the server may hear of it when it is busy with something else.
 */
export async function unlessAborted<T>(client: pg.ClientBase, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const cancel = (): void => void cancelRequest(client as Cancellable).then(() => aborted.reject(signal.reason));
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await Promise.race([work(), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** On a connection of its own, as PostgreSQL wants it. Never rejects: who cannot be told runs into a limit. */
async function cancelRequest({ processID, secretKey, host, port, ssl }: Cancellable): Promise<void> {
  const connection = new pg.Connection({ ssl }) as CancellingConnection;
  try {
    const ended = once(connection, 'end', { signal: AbortSignal.timeout(CANCEL_MS_MAX) });
    connection.once(ssl === false ? 'connect' : 'sslconnect', () => connection.cancel(processID, secretKey));
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
    await ended;
  } catch {
    connection.stream.destroy();
  }
}
