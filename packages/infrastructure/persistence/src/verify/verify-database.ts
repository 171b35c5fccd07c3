// Looks through a whole database for what cannot be: in the log, in what was made of it, and between the two.
import { Misconfigured, type EventTypes, type HandlerCalls, type Projection } from '@groundwork/application';
import type pg from 'pg';
import { codeOf, translated } from '../postgres/database-errors.ts';
import { asOwner } from '../postgres/owner-connection.ts';
import { Findings, type Finding } from './findings.ts';
import { verifyArchive } from './verify-archive.ts';
import { verifyCommands } from './verify-commands.ts';
import { verifyFacts } from './verify-facts.ts';
import { verifyLog } from './verify-log.ts';
import { verifyReadModels } from './verify-read-models.ts';

export interface VerifyOptions {
  readonly types: EventTypes;
  readonly projections: readonly Projection[];
  /** Ends what hangs in them: a stream may have passed such an event, as one that was discarded. */
  readonly handlers: HandlerCalls;
  /** How many streams, chosen at random, are replayed and compared with the read models. */
  readonly sampleSize: number;
  /** What GW_ARCHIVE_DIR names; without it archived streams are a finding. */
  readonly archiveFolder?: string | undefined;
  /** Hears from time to time how far it is. */
  readonly onProgress: (line: string) => void;
}

export interface Verification {
  readonly events: number;
  readonly commands: number;
  readonly replayedStreams: number;
  /** Read models that were not compared, and why. */
  readonly notCompared: readonly { readonly projection: string; readonly reason: string }[];
  readonly findings: readonly Finding[];
}

/** What one check works with. */
export interface Inspection extends VerifyOptions {
  readonly client: pg.Client;
  readonly findings: Findings;
  /** The end of the log when the verification began: what is appended meanwhile is not looked at. */
  readonly head: bigint;
}

/**
 * Reads only, in constant memory, beside programs that go on working. `url` needs a login that may become
 * groundwork_owner, as that of the migrations: the other logins do not see the rows of all tenants.
 */
export async function verifyDatabase(url: string, options: VerifyOptions): Promise<Verification> {
  return asOwner(url, { applicationName: 'groundwork-verify', isReadOnly: true }, async (client) => {
    try {
      return await verify(client, options);
    } catch (error) {
      throw UNDEFINED_STATES.has(codeOf(error)) ? notMigrated(error as Error) : translated(error);
    }
  });
}

async function verify(client: pg.Client, options: VerifyOptions): Promise<Verification> {
  const { rows } = await client.query<{ head: string }>(
    'select coalesce(max(position), 0) as head from groundwork.event',
  );
  const inspection: Inspection = { ...options, client, findings: new Findings(), head: BigInt(rows[0]!.head) };
  const events = await verifyLog(inspection);
  await verifyFacts(inspection);
  const readableArchives = await verifyArchive(inspection);
  const commands = await verifyCommands(inspection);
  const { replayedStreams, notCompared } = await verifyReadModels(inspection, readableArchives);
  return { events, commands, replayedStreams, notCompared, findings: inspection.findings.all() };
}

// Schema, table, column or function.
const UNDEFINED_STATES = new Set(['3F000', '42P01', '42703', '42883']);

const notMigrated = (cause: Error): Misconfigured =>
  new Misconfigured(
    'database.not-migrated',
    `The database is not as this program knows it: ${cause.message}.`,
    'Run gw db migrate, then try again.',
    {},
    { cause },
  );
