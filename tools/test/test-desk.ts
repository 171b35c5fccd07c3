// Answers tests with the address of one throw-away cluster, which is started for the first that asks.
import { createServer } from 'node:http';
import type { TestCluster } from './test-cluster.ts';

export interface TestDesk {
  /** GET it: the cluster's connection string as plain text. */
  readonly url: string;
  close(): Promise<void>;
}

/** Opens the desk on a free port of the loopback interface. */
export async function openTestDesk(): Promise<TestDesk> {
  let cluster: Promise<TestCluster> | undefined;
  const server = createServer((_request, response) => {
    // A test process asks seldom: a connection that is kept would be closed at the moment of its next question.
    response.setHeader('connection', 'close');
    // Most runs of a single project never ask, and should not load the database layer.
    cluster ??= import('./test-cluster.ts').then(({ startTestCluster }) => startTestCluster());
    cluster.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await (await cluster?.catch(() => undefined))?.stop();
    },
  };
}
