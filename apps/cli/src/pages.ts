// Lists of the api that come page by page.
import type { ApiClient } from './api-client.ts';

const PAGE_SIZE = 200;

type Query = Readonly<Record<string, string | number | undefined>>;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export interface Pages<First, Item> {
  /** What the first page says beside its items. */
  readonly first: First;
  readonly items: readonly Item[];
  /** True when there are more than were asked for. */
  readonly isCut: boolean;
}

/** The items of all pages, `limit` at most; `cursor` is the parameter that takes what a page gives as `next`. */
export async function allPages<Item, First extends Page<Item> = Page<Item>>(
  api: ApiClient,
  path: string,
  { cursor, limit, ...query }: Query & { readonly cursor: string; readonly limit: number },
): Promise<Pages<First, Item>> {
  const read = (next: string | null, wanted: number): Promise<First> =>
    api.get(withQuery(path, { ...query, limit: Math.min(PAGE_SIZE, wanted), [cursor]: next ?? undefined }));
  const first = await read(null, limit);
  const items = [...first.items];
  let { next } = first;
  while (next !== null && items.length < limit) {
    const page: First = await read(next, limit - items.length);
    items.push(...page.items);
    next = page.next;
  }
  return { first, items, isCut: next !== null };
}

export const CUT_NOTE = '… and more: --limit reads further.';

/** The path with those parameters that are given. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
