// Which clients other systems hear of: those that are active, and once of each that is not so any more.
import type { Happening } from './client-record.ts';

/** What decides whether a client is announced. */
export interface AnnouncedState {
  readonly status: string | null;
  readonly isDeleted: boolean;
}

const ACTIVE = 'active';

/** Other statuses, such as inactive, pending and draft, are of no concern to others; nor is a client without one. */
export const isActive = (client: AnnouncedState | undefined): boolean =>
  client !== undefined && !client.isDeleted && wordOf(client.status) === ACTIVE;

/** What is announced of a change: nothing, the client as it is, or why it is announced no more. */
export type AnnouncementOfChange =
  | { readonly kind: 'none' }
  | { readonly kind: 'active' }
  /** The status that took the place of `active`, in lower case; `deleted`, or `no-status`. */
  | { readonly kind: 'left'; readonly reason: string };

/** What says only that something is to be fetched tells others nothing: the change itself comes when it is known. */
const TELLING: ReadonlySet<Happening> = new Set<Happening>(['Created', 'Updated', 'Deleted', 'Restored']);

export function announcementOf(
  happening: Happening,
  before: AnnouncedState | undefined,
  after: AnnouncedState,
): AnnouncementOfChange {
  if (!TELLING.has(happening)) return { kind: 'none' };
  if (isActive(after)) return { kind: 'active' };
  return isActive(before) ? { kind: 'left', reason: reasonOf(after) } : { kind: 'none' };
}

const reasonOf = ({ status, isDeleted }: AnnouncedState): string =>
  isDeleted ? 'deleted' : (wordOf(status) ?? 'no-status');

function wordOf(status: string | null): string | undefined {
  const word = status?.trim().toLowerCase();
  return word === '' ? undefined : word;
}
