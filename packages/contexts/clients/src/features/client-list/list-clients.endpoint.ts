// The list of clients: searched, filtered, page by page.
import { endpoint, InvalidInput, pageOf, type Endpoint } from '@groundwork/application';
import { z } from 'zod';
import { READ } from '../../clients.roles.ts';
import { isSalesforceId, salesforceId } from '../../model/salesforce-id.ts';
import { CLIENT_LIST } from './client-list.projection.ts';
import type { ClientFilter, ClientPage, ClientQueries } from './client-queries.ts';
import { clientView, viewOf } from './client-row.ts';

const PAGE_SIZE = 50;
const PAGE_MAX = 10_000_000;

const term = z.string().min(1).max(255).optional();
const wholeNumber = (max: number) => z.coerce.number().int().min(1).max(max).optional();

const query = z.strictObject({
  search: term.describe('A part of the name; case makes no difference, no character is a wildcard.'),
  status: term,
  country: term.describe('The billing country.'),
  businessType: term.describe('One of the business types that a client has.'),
  priority: term,
  parentId: term.describe('The Salesforce id of the parent, 15 or 18 characters.'),
  deleted: z.enum(['true', 'false']).default('false').describe('Deleted clients instead of the others.'),
  limit: wholeNumber(200).describe(`How many at once, ${PAGE_SIZE} unless told.`),
  cursor: z.string().min(1).max(100).optional().describe('What the page before gave as `next`.'),
  page: wholeNumber(PAGE_MAX).describe('Instead of a cursor: the number of a page, from 1.'),
  pageSize: wholeNumber(100).describe('With `page`: how many clients a page has.'),
});
type ClientListQuery = z.output<typeof query>;

const answer = pageOf(clientView).extend({
  page: z.int().optional(),
  pageSize: z.int().optional(),
  total: z.int().optional().describe('All that match, counted for numbered pages only.'),
});

/** Walking by cursor gives every client that was there at the start once, whatever is added meanwhile. */
export const listClients = (clients: ClientQueries): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/clients',
    summary: 'Clients in the order of their ids; every filter that is given has to hold',
    permission: READ,
    query,
    reads: CLIENT_LIST,
    responses: { 200: { description: 'A page of clients', schema: answer } },
    async handle({ query: asked, tenant, minPosition }) {
      const page = pageAsked(asked);
      const { rows, hasMore, total } = await clients.list(tenant, filterAsked(asked), page, { minPosition });
      return {
        status: 200,
        body: {
          items: rows.map(viewOf),
          next: hasMore ? cursorBehind(rows.at(-1)!.aggregate_id) : null,
          ...('page' in page ? { page: page.page, pageSize: page.limit, total } : {}),
        },
      };
    },
  });

function filterAsked({
  search,
  status,
  country,
  businessType,
  priority,
  parentId,
  deleted,
}: ClientListQuery): ClientFilter {
  return {
    deleted: deleted === 'true',
    ...(search === undefined ? {} : { search }),
    ...(status === undefined ? {} : { status }),
    ...(country === undefined ? {} : { country }),
    ...(businessType === undefined ? {} : { businessType }),
    ...(priority === undefined ? {} : { priority }),
    ...(parentId === undefined ? {} : { parentId: isSalesforceId(parentId) ? salesforceId(parentId) : parentId }),
  };
}

function pageAsked({ page, pageSize, limit, cursor }: ClientListQuery): ClientPage {
  if (page === undefined && pageSize === undefined) {
    return { after: cursor === undefined ? undefined : idBefore(cursor), limit: limit ?? PAGE_SIZE };
  }
  if (limit !== undefined || cursor !== undefined) {
    const message = 'Use page and pageSize, or limit and cursor.';
    throw new InvalidInput('clients.page-ambiguous', 'The list is asked for in two ways at once.', message, [
      { pointer: '/query/page', message },
    ]);
  }
  return { page: page ?? 1, limit: pageSize ?? PAGE_SIZE };
}

const cursorBehind = (id: string): string => Buffer.from(id).toString('base64url');

function idBefore(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (isSalesforceId(id)) return id;
  const message = 'Send `next` of a page as it came, or leave the cursor out.';
  throw new InvalidInput('clients.cursor-malformed', 'The cursor is none of this list.', message, [
    { pointer: '/query/cursor', message },
  ]);
}
