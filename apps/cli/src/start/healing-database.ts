// The embedded database of a development machine: started again when it is killed, always at the same address.
import {
  allowDecoding,
  prepareEmbeddedDatabase,
  startEmbeddedPostgres,
  type DatabaseUrls,
  type EmbeddedPostgres,
} from '@groundwork/configuration';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HealingDatabase {
  readonly urls: DatabaseUrls;
  /** Lets the worker decode the write-ahead log, once the tables are there. */
  allowDecoding(): Promise<void>;
  stop(): Promise<void>;
}

const RESTART_WAIT_MS = 1_000;

/** Starts it and makes database, roles and logins. `note` takes what a person should know. */
export async function startHealingDatabase(
  { dataDir, isDecodable }: { readonly dataDir: string; readonly isDecodable: boolean },
  note: (line: string) => void,
): Promise<HealingDatabase> {
  const options = { dataDir, isDecodable, durable: true, log: note };
  let server = await startEmbeddedPostgres(options);
  const port = Number(new URL(server.url).port);
  let stopping = false;
  let healing: Promise<void> | undefined;

  const watch = (watched: EmbeddedPostgres): void => {
    void watched.ended.then(() => {
      if (!stopping) healing = heal(watched);
    });
  };
  const heal = async (ended: EmbeddedPostgres): Promise<void> => {
    note('The database has ended by itself; it is started again.');
    await ended.stop();
    while (!stopping) {
      try {
        server = await startEmbeddedPostgres({ ...options, port });
        watch(server);
        note('The database is back.');
        return;
      } catch (error) {
        note(`The database does not start: ${(error as Error).message}`);
        await sleep(RESTART_WAIT_MS);
      }
    }
  };
  watch(server);

  const stop = async (): Promise<void> => {
    stopping = true;
    await healing;
    await server.stop();
  };
  try {
    const urls = await prepareEmbeddedDatabase(server.url);
    return { urls, allowDecoding: () => allowDecoding(server.url), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
