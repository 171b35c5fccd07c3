// Opens the port, and closes it without losing a request.
import type { AddressInfo } from 'node:net';
import { Misconfigured } from '@groundwork/application';
import { Connections } from './connections.ts';
import type { Api } from './create-api.ts';

export interface RunningApi {
  readonly url: string;
  /** Running requests finish, streams end, nobody gets in; after `graceMs` what is left is cut. */
  close(graceMs: number): Promise<void>;
}

/** Throws Misconfigured `api.port-taken`. Port 0 takes any free port. */
export async function serveApi(
  { app, streams }: Api,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<RunningApi> {
  const connections = new Connections(app.server);
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Misconfigured(
      'api.port-taken',
      `Port ${port} on ${host} is in use.`,
      'Stop the other program or set PORT.',
      { port },
      { cause: error },
    );
  }
  const { port: taken } = app.server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close(graceMs) {
      streams.stop();
      await connections.close(graceMs);
      await app.close();
    },
  };
}
