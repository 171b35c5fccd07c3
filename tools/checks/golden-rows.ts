// What each projection of the product makes of a frozen log: `npx node tools/checks/golden-rows.ts --write` after its
// schemaVersion was raised. The golden rows of a version never change.
import { ExactJson, parseExactJson, type Projection, type RecordedEvent, type Row } from '@groundwork/application';
import { parseStreamId, parseTenantId, parseUuid } from '@groundwork/domain';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { productProjections, productSettings } from '../../apps/cli/src/product.ts';
import { root } from './workspace.ts';

/** An event of a frozen log; the position is its place in the file. `data` is the exact text. */
interface FrozenEvent {
  readonly stream: string;
  readonly streamVersion: number;
  readonly type: string;
  readonly data: string;
}

export interface GoldenRows {
  readonly projection: Projection;
  /** Where the rows of this schema version are kept. */
  readonly file: string;
  /** Undefined when this version has none yet. */
  readonly golden: string | undefined;
  readonly events: readonly RecordedEvent[];
  /** What the projection makes of the frozen log today. */
  readonly rows: string;
  /** The event types it reads that the frozen log does not hold. */
  readonly missingTypes: readonly string[];
}

/** One for each projection of the product, in its default settings. */
export async function goldenRows(): Promise<readonly GoldenRows[]> {
  return (await productProjections(productSettings({}))).map((projection) => {
    const [context] = projection.name.split('.');
    const base = join(root, 'packages/contexts', context!, 'golden', projection.name);
    const file = `${base}.v${projection.schemaVersion}.rows.json`;
    const events = (JSON.parse(readFileSync(`${base}.events.json`, 'utf8')) as FrozenEvent[]).map(recorded);
    return {
      projection,
      events,
      file,
      golden: existsSync(file) ? readFileSync(file, 'utf8') : undefined,
      rows: rowsAfter(projection, events),
      missingTypes: projection.eventTypes.filter((type) => events.every((event) => event.type !== type)),
    };
  });
}

/** The rows by their keys, as text that says every value exactly. */
export function rowsAfter(projection: Projection, events: readonly RecordedEvent[]): string {
  const rows = new Map<string, Row>();
  for (const event of events.filter(({ type }) => projection.eventTypes.includes(type))) {
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

function recorded({ stream, streamVersion, type, data }: FrozenEvent, index: number): RecordedEvent {
  const at = new Date(Date.UTC(2026, 0, 1) + index);
  return {
    position: BigInt(index + 1),
    tenant: parseTenantId('golden'),
    stream: parseStreamId(stream),
    streamVersion,
    id: parseUuid(`00000000-0000-7000-8000-${String(index + 1).padStart(12, '0')}`),
    type,
    schemaVersion: 1,
    source: 'salesforce',
    occurredAt: at,
    recordedAt: at,
    metadata: { actor: 'golden', correlationId: 'golden' },
    validation: undefined,
    dataText: data,
    data: parseExactJson(data),
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
