// The files of an export: one JSON value a line, and a manifest with the checksum of each file.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInput } from '@groundwork/application';
import { z } from 'zod';
import { replaceDurably } from '../embedded/durable-file.ts';

const MANIFEST = 'manifest.json';
export const FORMAT_VERSION = 1;
const BATCH_BYTES_MAX = 1024 * 1024;
const LINE_FEED = 0x0a;

const fileFacts = z.object({
  name: z.string().regex(/^[\w.-]+$/),
  rows: z.number().int().min(0),
  bytes: z.number().int().min(0),
  sha256: z.string().regex(/^[\da-f]{64}$/),
});
const exportedTable = fileFacts.extend({
  table: z.string(),
  /** Whether a projection fills it: an import leaves that to the projection. */
  isReadModel: z.boolean(),
});
const manifest = z.object({
  format: z.literal('groundwork-tenant'),
  formatVersion: z.literal(FORMAT_VERSION),
  tenant: z.string(),
  exportedAt: z.iso.datetime(),
  /** The migrations that the tables of the rows had seen. */
  migrations: z.array(z.string()),
  firstPosition: z.string().nullable(),
  lastPosition: z.string().nullable(),
  tables: z.array(exportedTable),
});

export type FileFacts = z.output<typeof fileFacts>;
export type TenantManifest = z.output<typeof manifest>;

/** Writes batches of lines; when it returns, they are on the disk. */
export async function writeLines(
  folder: string,
  name: string,
  batches: AsyncIterable<readonly string[]>,
): Promise<FileFacts> {
  const hash = createHash('sha256');
  let [rows, bytes] = [0, 0];
  const file = await open(join(folder, name), 'wx', 0o600);
  try {
    for await (const lines of batches) {
      const text = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      await file.write(text);
      hash.update(text);
      rows += lines.length;
      bytes += text.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { name, rows, bytes, sha256: hash.digest('hex') };
}

/** Batches of at most about a megabyte, one line at least. */
export async function* readLines(folder: string, name: string): AsyncIterable<readonly string[]> {
  let [batch, bytes, rest]: [string[], number, Buffer[]] = [[], 0, []];
  for await (const chunk of createReadStream(join(folder, name)) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, at)]).toString('utf8');
      [rest, from] = [[], at + 1];
      batch.push(line);
      bytes += line.length;
      if (bytes < BATCH_BYTES_MAX) continue;
      yield batch;
      [batch, bytes] = [[], 0];
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) batch.push(Buffer.concat(rest).toString('utf8'));
  if (batch.length > 0) yield batch;
}

/** An export without its manifest is none: it is written last, whole or not at all. */
export function writeManifest(folder: string, written: TenantManifest): void {
  replaceDurably(join(folder, MANIFEST), `${JSON.stringify(written, null, 2)}\n`);
}

/** Throws InvalidInput `tenant.not-an-export`. */
export async function readManifest(folder: string): Promise<TenantManifest> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => 'null');
  const read = manifest.safeParse(jsonOf(text));
  if (read.success) return read.data;
  throw new InvalidInput(
    'tenant.not-an-export',
    `${folder} holds no whole export in format ${FORMAT_VERSION}.`,
    'Name the folder that gw tenants export has written to the end.',
  );
}

/** Throws InvalidInput `tenant.export-damaged` unless every file is, byte for byte, what was exported. */
export async function verifyFiles(folder: string, { tables }: TenantManifest): Promise<void> {
  for (const expected of tables) {
    const found = await factsOf(folder, expected.name);
    if (found?.sha256 === expected.sha256 && found.bytes === expected.bytes) continue;
    throw new InvalidInput(
      'tenant.export-damaged',
      `${expected.name} ${found === undefined ? 'is missing' : 'is not what was exported'}; nothing was imported.`,
      'Copy the export again from where it was made.',
    );
  }
}

/** Undefined when there is no such file. */
export async function factsOf(folder: string, name: string): Promise<Pick<FileFacts, 'bytes' | 'sha256'> | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(join(folder, name)) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
