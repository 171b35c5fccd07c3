// Where the embedded database lives and which account runs it. PostgreSQL refuses to run as root.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { replaceDurably } from './durable-file.ts';
import { EmbeddedDatabaseFailed } from './embedded-errors.ts';

export interface Location {
  /** Holds the cluster, its log, its password and its lock. */
  readonly home: string;
  readonly cluster: string;
  /** The account to run as; undefined means the present one. */
  readonly account: Account | undefined;
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY: Account = { uid: 65_534, gid: 65_534 };

/** The folder for what the unprivileged account must reach when the project itself is closed to it. */
export const READABLE_ROOT = '/var/lib/groundwork';

/** Finds (and makes) the home of the database that belongs to `dataDir`, and says so when it is somewhere else. */
export async function locate(dataDir: string, log: (line: string) => void): Promise<Location> {
  const wanted = resolve(dataDir);
  const account = process.getuid?.() === 0 ? NOBODY : undefined;
  const made = await mkdir(wanted, { recursive: true, mode: account ? 0o711 : 0o700 });
  if (made !== undefined && account) await chmod(wanted, 0o711);
  const home = account && !canReach(wanted, account) ? await elsewhere(wanted, log) : wanted;
  return { home, cluster: join(home, 'cluster'), account };
}

/** Whether the account may pass through every folder on the way to `path`. */
export function canReach(path: string, account: Account): boolean {
  for (let at = path; ; at = dirname(at)) {
    const { uid, gid, mode } = statSync(at);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** The place is drawn once and noted in the data directory: deleting that directory still means starting anew. */
async function elsewhere(wanted: string, log: (line: string) => void): Promise<string> {
  const note = join(wanted, 'database-location');
  if (!existsSync(note)) replaceDurably(note, join(READABLE_ROOT, randomBytes(6).toString('hex')));
  const home = readFileSync(note, 'utf8').trim();
  if (!isAbsolute(home)) throw placeLost(note);
  await mkdir(home, { recursive: true, mode: 0o711 });
  log(`The database lives in ${home}, because its account (nobody) may not enter ${wanted}.`);
  return home;
}

const placeLost = (note: string): EmbeddedDatabaseFailed =>
  new EmbeddedDatabaseFailed(
    'database.embedded-place-lost',
    `${note} no longer says where the database lives.`,
    `Write the path of its folder, one of those in ${READABLE_ROOT}, into that file; delete the file to start anew.`,
    { note },
  );
