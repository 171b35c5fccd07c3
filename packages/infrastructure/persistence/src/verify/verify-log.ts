// Every event once, in the order of the positions: places, times, tenants and whether it can be read.
import type { EventTypes } from '@groundwork/application';
import type { Findings } from './findings.ts';
import type { Inspection } from './verify-database.ts';

interface LoggedEvent {
  readonly position: string;
  readonly tenant: string;
  readonly stream_tenant: string | null;
  readonly type: string;
  readonly schema_version: number;
  readonly recorded_at: Date;
  readonly metadata: string;
  readonly validation: string | null;
  readonly data: string;
}

const PAGE_SIZE = 2_000;
const PAGE_BYTES_MAX = 8 * 1024 * 1024;
const PROGRESS_INTERVAL_MS = 2_000;

/** Returns how many events there are. */
export async function verifyLog(inspection: Inspection): Promise<number> {
  const { client, head, findings, types, onProgress } = inspection;
  const imported = await importedTenants(inspection);
  let [count, last] = [0, 0n];
  let lastRecordedAt = new Date(0);
  let toldAtMs = performance.now();
  for (;;) {
    const { rows } = await client.query<LoggedEvent>(PAGE, [String(last), String(head), PAGE_SIZE, PAGE_BYTES_MAX]);
    for (const event of rows) {
      const position = BigInt(event.position);
      if (position > last + 1n) findings.add('position-missing', ...gap(last + 1n, position - 1n));
      if (!imported.has(event.tenant)) {
        if (event.recorded_at < lastRecordedAt) findings.add('time-backwards', placeOf(event));
        lastRecordedAt = event.recorded_at;
      }
      verifyTenant(event, findings);
      verifyPayload(event, types, findings);
      [last, count] = [position, count + 1];
    }
    if (rows.length === 0) break;
    if (performance.now() - toldAtMs < PROGRESS_INTERVAL_MS) continue;
    onProgress(`${count} events read, at position ${last} of ${head}`);
    toldAtMs = performance.now();
  }
  const { rows } = await client.query<{ removed: number }>('select groundwork.removed_event_count()::int as removed');
  findings.explain('position-missing', rows[0]!.removed);
  return count;
}

/** Their events keep the times at which another installation recorded them. */
async function importedTenants({ client }: Inspection): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ tenant: string }>(
    `select distinct s.id as tenant from groundwork.event e join groundwork.stream s using (stream_id)
      where e.tenant = '$installation' and e.type = 'TenantImported'`,
  );
  return new Set(rows.map(({ tenant }) => tenant));
}

const PAGE = `
  select position, tenant, stream_tenant, type, schema_version, recorded_at, metadata, validation, data
    from (select e.*, s.tenant as stream_tenant,
                 sum(octet_length(e.data)) over (order by e.position) - octet_length(e.data) as bytes_before
            from (select * from groundwork.event
                   where position > $1 and position <= $2 order by position limit $3) e
            left join groundwork.stream s using (stream_id)) page
   where bytes_before < $4
   order by position`;

const gap = (from: bigint, to: bigint): [string, number] => [
  from === to ? `position ${from}` : `positions ${from} to ${to}`,
  Number(to - from) + 1,
];

function verifyTenant(event: LoggedEvent, findings: Findings): void {
  const { tenant, stream_tenant: streamTenant } = event;
  if (streamTenant === null) findings.add('event-without-stream', placeOf(event));
  else if (streamTenant !== tenant) {
    findings.add('tenant-mixed', `${placeOf(event)}: the event is ${tenant}'s, its stream ${streamTenant}'s`);
  }
}

function verifyPayload(event: LoggedEvent, types: EventTypes, findings: Findings): void {
  const { type, schema_version: version } = event;
  const known = types.find(type);
  if (known === undefined || version < 1 || version > known.schemaVersion) {
    findings.add('type-unknown', `${placeOf(event)}: ${type}, schema version ${version}`);
  }
  const broken = [
    isReadable(() => types.upcast(type, version, JSON.parse(event.data))) ? [] : ['data'],
    isReadable(() => JSON.parse(event.metadata)) ? [] : ['metadata'],
    isReadable(() => event.validation === null || JSON.parse(event.validation)) ? [] : ['validation'],
  ].flat();
  if (broken.length > 0) findings.add('payload-unreadable', `${placeOf(event)}: ${broken.join(', ')} of ${type}`);
}

/** The error would show the text, which is nobody's business here. */
function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

const placeOf = ({ position }: LoggedEvent): string => `position ${position}`;
