// Events and their surroundings for tests that do not care about the details.
import { randomUUID } from 'node:crypto';
import {
  EventTypes,
  loggedEvent,
  type LoggedEvent,
  type NewEvent,
  type OutgoingMessage,
  type StoredEvent,
} from '@groundwork/application';
import { parseTenantId, streamId, uuidV7, type StreamId, type TenantId, type Uuid } from '@groundwork/domain';

/** A tenant that no other test uses. */
export const newTenant = (): TenantId => parseTenantId(`tenant-${randomUUID().slice(0, 18)}`);

/** A stream that no other test uses. */
export const newStream = (type = 'note'): StreamId => streamId(type, randomUUID());

export const newId = (): Uuid => uuidV7(Date.now(), crypto.getRandomValues(new Uint8Array(10)));

/** An event of the given type; whatever matters to the test is given in `form`. */
export function newEvent(type: string, data: unknown, form: Partial<NewEvent> = {}): NewEvent {
  return {
    id: newId(),
    type,
    source: 'api',
    occurredAt: new Date('2026-01-01T00:00:00.000Z'),
    data,
    metadata: { actor: 'tester', correlationId: 'correlation-1' },
    ...form,
  };
}

/** An event as the log gives it back, the first of its stream; whatever matters to the test is given in `form`. */
export function newLoggedEvent(
  form: Partial<Omit<LoggedEvent, 'parts' | 'partsOf'>> = {},
  types?: EventTypes,
): LoggedEvent {
  const { metadata, validation, ...rest } = {
    position: 1n,
    tenant: newTenant(),
    stream: newStream(),
    streamVersion: 1,
    id: newId(),
    type: 'NoteTaken',
    schemaVersion: 1,
    source: 'api' as const,
    occurredAt: new Date('2026-01-01T00:00:00.000Z'),
    recordedAt: new Date('2026-01-01T00:00:01.000Z'),
    metadata: { actor: 'tester', correlationId: 'correlation-1' },
    validation: undefined,
    dataText: '{}',
    ...form,
  };
  const stored: StoredEvent = {
    ...rest,
    metadataText: JSON.stringify(metadata),
    validationText: validation === undefined ? undefined : JSON.stringify(validation),
  };
  return loggedEvent(stored, types ?? new EventTypes([{ type: stored.type, schemaVersion: 1 }]));
}

/** The data of an event that upcasters leave whole, in today's schema. */
export function dataOf({ parts }: LoggedEvent): unknown {
  if (parts.length !== 1) throw new Error(`The event has ${parts.length} parts.`);
  return parts[0]!.data;
}

/** All items of an async iterable. */
export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** What a relay tells of a client that has changed; whatever matters to the test is given in `form`. */
export function newOutgoingMessage(form: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const { position, tenant, stream, streamVersion, id, source, occurredAt, recordedAt, metadata } = newLoggedEvent({
    stream: newStream('client'),
  });
  const asLogged = { position, tenant, stream, streamVersion, id, source, occurredAt, recordedAt, metadata };
  const told = { context: 'clients', type: 'ClientUpdated', schemaVersion: 1, data: { name: 'Harbour Street Bakery' } };
  return { ...asLogged, validation: undefined, part: 0, ...told, ...form };
}
