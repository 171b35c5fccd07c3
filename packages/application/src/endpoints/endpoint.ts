// What a context offers over HTTP, described without HTTP's machinery.
import type { TenantId } from '@groundwork/domain';
import type { ZodType } from 'zod';
import { port } from '../port.ts';
import type { Actor, Permission } from '../ports/access.ts';

export interface EndpointRequest<Params = never, Query = never> {
  readonly params: Params;
  readonly query: Query;
  /** Parsed by `parseExactJson`; undefined when the endpoint takes no body. */
  readonly body: unknown;
  /** The body exactly as it came. */
  readonly bodyText: string;
  readonly actor: Actor;
  readonly tenant: TenantId;
  readonly correlationId: string;
  readonly requestId: string;
  readonly idempotencyKey: string | undefined;
  /** The streamVersion of If-Match; 0 for `If-None-Match: *`, which says that there must be none yet. */
  readonly ifMatch: number | undefined;
  /** The position that the projection has reached for this reader: what shows less may not be answered. */
  readonly minPosition?: bigint | undefined;
  /** Where a reader of a stream of events left off. */
  readonly lastEventId?: string | undefined;
}

export interface EndpointResponse {
  readonly status: number;
  /** Sent as JSON; a bigint is written as decimal text, an ExactJson as it is. */
  readonly body?: unknown;
  /** Sent as ETag; a GET with a matching If-None-Match is answered 304, unless it `reads` a projection. */
  readonly streamVersion?: number;
  /** Sent as Groundwork-Position. */
  readonly position?: string;
  readonly location?: string;
  /** Sent as `Idempotency-Replayed: true`: this is the first answer again. */
  readonly repeated?: boolean;
  /** Sent as server-sent events, one after the other, until the caller leaves or `stop` is aborted. */
  readonly events?: (stop: AbortSignal) => AsyncIterable<StreamedEvent>;
}

/** `id` is what the caller names as `lastEventId` to go on behind it. */
export interface StreamedEvent {
  readonly id: string;
  readonly data: unknown;
}

/**
 * What the caller must hold. An endpoint without one does not compile, and `public` has to be said. `authenticated`
 * lets every believed token in: `handle` decides by what is asked for, with Access.
 */
export type EndpointPermission = Permission | 'authenticated' | 'public';

export interface Endpoint<Params = never, Query = never> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Under `/v1`, with `:name` for parameters: `/v1/clients/:id`. */
  readonly path: string;
  readonly summary: string;
  readonly permission: EndpointPermission;
  readonly params?: ZodType<Params>;
  readonly query?: ZodType<Query>;
  /** Describes the body for OpenAPI and checks it; its issues become the problem's pointers. */
  readonly body?: ZodType;
  /** By status: what the answer looks like, for OpenAPI. */
  readonly responses: Readonly<Record<number, { readonly description: string; readonly schema?: ZodType }>>;
  /** The projection whose rows are read: such an endpoint honours Groundwork-Min-Position. */
  readonly reads?: string;
  /** True when the caller must say which version the request is based on (428 without If-Match). */
  readonly ifMatchRequired?: boolean;
  handle(request: EndpointRequest<Params, Query>): Promise<EndpointResponse>;
}
export const Endpoint = port<Endpoint>('Endpoint');

/** Infers what `handle` gets from the schemas, and lets endpoints of all kinds stand in one list. */
export const endpoint = <Params = never, Query = never>(described: Endpoint<Params, Query>): Endpoint =>
  described as unknown as Endpoint;
