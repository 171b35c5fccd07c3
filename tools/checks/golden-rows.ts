// What each projection of the product makes of a frozen log: `npx node tools/checks/golden-rows.ts --write` after its
// schemaVersion was raised. The golden rows of a version never change.
import {
  ExactJson,
  loggedEvent,
  type LoggedEvent,
  type Projection,
  type Row,
  type StoredEvent,
} from '@groundwork/application';
import { parseStreamId, parseTenantId, parseUuid } from '@groundwork/domain';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { productEventTypes, productProjections, productSettings } from '../../apps/cli/src/product.ts';
import { root } from './workspace.ts';

/** An event of a frozen log; the position is its place in the file. `data` is the exact text. */
interface FrozenEvent {
  readonly stream: string;
  readonly streamVersion: number;
  readonly type: string;
  /** As it was recorded; 1 when it is left out. */
  readonly schemaVersion?: number;
  readonly data: string;
}

export interface GoldenRows {
  readonly projection: Projection;
  /** Where the rows of this schema version are kept. */
  readonly file: string;
  /** Undefined when this version has none yet. */
  readonly golden: string | undefined;
  readonly events: readonly LoggedEvent[];
  /** What the projection makes of the frozen log today. */
  readonly rows: string;
  /** The event types it reads that the frozen log does not hold. */
  readonly missingTypes: readonly string[];
}

/** One for each projection of the product, in its default settings. */
export async function goldenRows(): Promise<readonly GoldenRows[]> {
  const settings = productSettings({});
  const types = await productEventTypes(settings);
  return (await productProjections(settings)).map((projection) => {
    const [context] = projection.name.split('.');
    const base = join(root, 'packages/contexts', context!, 'golden', projection.name);
    const file = `${base}.v${projection.schemaVersion}.rows.json`;
    const frozen = JSON.parse(readFileSync(`${base}.events.json`, 'utf8')) as FrozenEvent[];
    const events = frozen.map((event, index) => loggedEvent(stored(event, index), types));
    return {
      projection,
      events,
      file,
      golden: existsSync(file) ? readFileSync(file, 'utf8') : undefined,
      rows: rowsAfter(projection, events),
      missingTypes: projection.eventTypes.filter((type) => events.every((event) => event.partsOf([type]).length === 0)),
    };
  });
}

/** The rows by their keys, as text that says every value exactly. */
export function rowsAfter(projection: Projection, events: readonly LoggedEvent[]): string {
  const rows = new Map<string, Row>();
  for (const event of events.flatMap((logged) => logged.partsOf(projection.eventTypes))) {
    const key = projection.keyOf(event);
    if (key === undefined) continue;
    const after = projection.apply(rows.get(key), event);
    if (after === undefined) rows.delete(key);
    else rows.set(key, after);
  }
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), exactly, 2)}\n`;
}

const exactly = (_: string, value: unknown): unknown =>
  value instanceof ExactJson ? value.text : typeof value === 'bigint' ? String(value) : value;

function stored({ stream, streamVersion, type, schemaVersion = 1, data }: FrozenEvent, index: number): StoredEvent {
  const at = new Date(Date.UTC(2026, 0, 1) + index);
  return {
    position: BigInt(index + 1),
    tenant: parseTenantId('golden'),
    stream: parseStreamId(stream),
    streamVersion,
    id: parseUuid(`00000000-0000-7000-8000-${String(index + 1).padStart(12, '0')}`),
    type,
    schemaVersion,
    source: 'salesforce',
    occurredAt: at,
    recordedAt: at,
    metadataText: '{"actor":"golden","correlationId":"golden"}',
    validationText: undefined,
    dataText: data,
  };
}

if (process.argv[1] === import.meta.filename && process.argv.includes('--write')) {
  for (const { projection, file, golden, rows } of await goldenRows()) {
    if (golden === rows) continue;
    if (golden === undefined) writeFileSync(file, rows);
    else {
      console.error(`${projection.name} gives other rows under the same schemaVersion: raise it, then write again.`);
      process.exitCode = 1;
    }
  }
}
