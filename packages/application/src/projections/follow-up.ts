// A command that an event calls for, as the command store takes it.
import { ExactJson, jsonTextOf } from '../exact-json.ts';
import type { RecordedEvent } from '../events/event.ts';
import type { NewCommand } from '../ports/command-store.ts';
import type { Ids } from '../ports/ids.ts';
import { liveName } from './building-projection.ts';
import type { Projection, Row } from './projection.ts';

/**
 * The commands that follow from an event. The same event gives the same ids and keys, so that each is stored once, also
 * when the read model is built anew beside the live one.
 */
export function followUpCommands(
  { name: buildOrLive, followUps }: Projection,
  event: RecordedEvent,
  row: Row | undefined,
  ids: Ids,
): readonly NewCommand[] {
  if (followUps === undefined) return [];
  const name = liveName(buildOrLive);
  const cause = event.part === 0 ? event.id : `${event.id}.${event.part}`;
  return followUps.of(event, row as never).map(({ type, payload, orderKeys = [] }, index) => {
    const idempotencyKey = `follow-up:${name}/${cause}/${index}`;
    const text = jsonTextOf(payload);
    const { correlationId, requestId } = event.metadata;
    return {
      id: ids.derive(event.recordedAt.getTime(), idempotencyKey),
      tenant: event.tenant,
      type,
      payload: new ExactJson(text),
      orderKeys,
      idempotencyKey,
      fingerprint: ids.fingerprint(JSON.stringify([type, text])),
      actor: { subject: `projection:${name}`, permissions: followUps.permissions },
      correlationId,
      causationId: event.id,
      ...(requestId === undefined ? {} : { requestId }),
    };
  });
}
