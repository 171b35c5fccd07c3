// What other systems are told about clients: how they are, by the names of the list, and what happened to them.
import type { Announcement, MessageDefinition, Projection, Publication } from '@groundwork/application';
import { z } from 'zod';
import { announcementOf } from '../../model/announced-client.ts';
import { happeningOf, recordEventTypes } from '../../model/client-record.ts';
import type { ClientRow } from '../client-list/client-row.ts';

export const CLIENT_ANNOUNCEMENTS = 'clients.announcements';
const SCHEMA_VERSION = 1;

const text = z.string().nullable();
const time = z.iso.datetime().nullable();

/** A client as others see it. */
const announcedClient = z.object({
  salesforce_id: z.string().describe("Salesforce's id of 18 characters"),
  name: text,
  status: text,
  priority: text,
  parent_id: text,
  business_types: z.array(z.string()),
  currency: text,
  billing_country: text,
  industry: text,
  sso_id: text,
  sso_id_c: text,
  sso_id_r: text,
  description: text,
  is_deleted: z.boolean(),
  awaiting_backfill: z.boolean().describe('Its creation was not seen yet: what no change has told is null.'),
  last_modified_at: time,
  created_at: time,
  active: z.boolean().describe('False in the last message of a client that has left the status active.'),
  reason: text.describe('Why it is no longer active: its new status, deleted, or no-status; otherwise null.'),
});

const SUMMARIES: Readonly<Record<string, string>> = {
  ClientCreated: 'An active client was created.',
  ClientUpdated: 'A client has changed, become active, or is active no more.',
  ClientDeleted: 'A client that was active was deleted.',
  ClientRestored: 'An active client was restored.',
};

const messages: readonly MessageDefinition[] = Object.entries(SUMMARIES).map(([type, summary]) => ({
  type,
  schemaVersion: SCHEMA_VERSION,
  summary,
  data: announcedClient,
}));

/** Tells of clients as the list has them; the original payloads are kept out. */
export const clientAnnouncements = (list: Projection<ClientRow>): Publication<ClientRow | undefined> => ({
  name: CLIENT_ANNOUNCEMENTS,
  eventTypes: recordEventTypes('Client'),
  messages,
  state: {
    initial: undefined,
    evolve(row, event) {
      if (event.stream.type !== 'client') return row;
      const after = list.apply(row, event);
      return after === undefined ? undefined : { ...after, raw_data: null };
    },
  },
  announce({ type }, before, after): readonly Announcement[] {
    const happening = happeningOf(type);
    if (happening === undefined || after === undefined) return [];
    const announced = announcementOf(happening, before && stateOf(before), stateOf(after));
    if (announced.kind === 'none') return [];
    const reason = announced.kind === 'left' ? announced.reason : null;
    return [{ type, data: { ...viewOf(after), active: reason === null, reason } }];
  },
});

const stateOf = ({ status, is_deleted: isDeleted }: ClientRow) => ({ status, isDeleted });

const viewOf = (row: ClientRow): Omit<z.infer<typeof announcedClient>, 'active' | 'reason'> => ({
  salesforce_id: row.salesforce_id,
  name: row.name,
  status: row.status,
  priority: row.priority,
  parent_id: row.parent_id,
  business_types: [...row.business_types],
  currency: row.currency,
  billing_country: row.billing_country,
  industry: row.industry,
  sso_id: row.sso_id,
  sso_id_c: row.sso_id_c,
  sso_id_r: row.sso_id_r,
  description: row.description,
  is_deleted: row.is_deleted,
  awaiting_backfill: row.awaiting_backfill,
  last_modified_at: row.last_modified_at?.toISOString() ?? null,
  created_at: row.created_at?.toISOString() ?? null,
});
