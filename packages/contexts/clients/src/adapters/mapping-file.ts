// The mapping as an operator may correct it: a JSON file, checked before it is believed.
import { readFileSync } from 'node:fs';
import { inputIssues, Misconfigured } from '@groundwork/application';
import { z } from 'zod';
import { CLIENT_COLUMNS, type ClientColumn, type ClientMapping } from '../model/client-mapping.ts';

const VERSION_MAX = 9_999;
const columnNames = Object.keys(CLIENT_COLUMNS) as [ClientColumn, ...ClientColumn[]];
const column = z.enum(columnNames, `Use one of ${columnNames.join(', ')}.`);
const fields = z.array(z.string().regex(/^\w+(\.\w+)?$/, 'Use a field such as Name or BillingAddress.Country.')).min(1);

const schema = z.strictObject({
  version: z.int().min(1).max(VERSION_MAX),
  columns: z
    .array(
      z.union([z.strictObject({ column, from: fields }), z.strictObject({ column, firstOf: z.array(column).min(1) })]),
    )
    .min(1)
    .refine(
      (columns) => new Set(columns.map((mapped) => mapped.column)).size === columns.length,
      'Map each column once.',
    ),
});

/** Reads the mapping; throws Misconfigured `clients.mapping-file` with everything that is wrong about it. */
export function mappingFromFile(path: string): ClientMapping {
  const checked = schema.safeParse(jsonAt(path));
  if (checked.success) return checked.data;
  const faults = inputIssues(checked.error).map(({ pointer, message }) => `${pointer || '/'}: ${message}`);
  throw refused(path, faults.join(' '));
}

function jsonAt(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw refused(path, (error as Error).message);
  }
}

const refused = (path: string, fault: string): Misconfigured =>
  new Misconfigured(
    'clients.mapping-file',
    `The mapping in ${path} cannot be used. ${fault}`,
    'Correct the file that GW_CLIENTS_MAPPING_FILE names, or leave the setting out.',
  );
