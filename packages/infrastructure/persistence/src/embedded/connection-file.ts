// Where the server of a data directory listens, and its superuser's password.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceDurably } from './durable-file.ts';
import type { Location } from './location.ts';

export interface Connection {
  port: number;
  readonly password: string;
}

export const connectionFile = (location: Location): string => join(location.home, 'connection.json');

/** What an earlier start has noted; undefined without one, and when nothing can be made of the note. */
export function knownConnection(location: Location): Connection | undefined {
  const file = connectionFile(location);
  return existsSync(file) ? connectionIn(readFileSync(file, 'utf8')) : undefined;
}

export const remember = (location: Location, connection: Connection): void =>
  replaceDurably(connectionFile(location), JSON.stringify(connection));

function connectionIn(text: string): Connection | undefined {
  try {
    const { port, password } = JSON.parse(text) as Record<keyof Connection, unknown>;
    return Number.isInteger(port) && typeof password === 'string' ? { port: port as number, password } : undefined;
  } catch {
    return undefined;
  }
}
