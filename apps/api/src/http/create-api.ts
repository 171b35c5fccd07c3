// The api: every endpoint of every context behind one set of rules.
import helmet from '@fastify/helmet';
import {
  asyncApiDocument,
  InvalidInput,
  Misconfigured,
  PreconditionFailed,
  VersionConflict,
  waitForPosition,
  type Access,
  type Actor,
  type Authenticator,
  type Endpoint,
  type EndpointPermission,
  type Ids,
  type Logger,
  type LogSignal,
  type Metrics,
  type ProjectionStore,
  type Publication,
} from '@groundwork/application';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { addDocs } from './docs-pages.ts';
import { sendAnswer } from './endpoint-answer.ts';
import { endpointRequest } from './endpoint-request.ts';
import { EventStreams } from './event-stream.ts';
import { DEFAULT_LIMITS, type HttpLimits } from './http-limits.ts';
import { acceptJsonBodies } from './json-body.ts';
import { jsonTextOfAnswer } from './json-text.ts';
import { MalformedRequest } from './malformed-request.ts';
import { refuseUnmountable } from './mounted-endpoints.ts';
import { ErrorReports, observeRequests } from './observed-requests.ts';
import { openApiDocument } from './open-api.ts';
import { PROBLEM_MEDIA_TYPE, problemOf } from './problems.ts';
import { bearerToken, minPosition, preconditions, refuseAmbiguous } from './request-headers.ts';
import { traceHeaders, traceOf } from './request-trace.ts';
import { answerOddRequests, answerSocketFault } from './socket-faults.ts';
import { RouteTable } from './unknown-routes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: EndpointPermission;
  }
  interface FastifyRequest {
    actor: Actor | undefined;
    /** The code of the problem that was answered. */
    problemCode: string | undefined;
  }
}

export interface ApiPorts {
  /** What other systems are told. */
  readonly publications?: readonly Publication[];
  readonly endpoints: readonly Endpoint[];
  readonly authenticator: Authenticator;
  readonly access: Access;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly ids: Ids;
  readonly signal: LogSignal;
  readonly projections: ProjectionStore;
}

export interface ApiOptions {
  readonly version: string;
  /** Whether `/openapi.json`, `/asyncapi.json` and `/docs` are served. */
  readonly docs: boolean;
  readonly limits?: Partial<HttpLimits>;
}

export interface Api {
  /** Not listening yet. */
  readonly app: FastifyInstance;
  readonly streams: EventStreams;
}

/** Throws Misconfigured (`api.…`) when an endpoint says not who may use it, or two claim one route. */
export async function createApi(ports: ApiPorts, options: ApiOptions): Promise<Api> {
  refuseUnmountable(ports.endpoints);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const reports = new ErrorReports(ports);
  const streams = new EventStreams(limits);
  const sendProblem = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = problemOf(request.raw.readableAborted ? hungUp() : error);
    const trace = traceOf(request.raw, ports.ids);
    request.problemCode = problem.code;
    reports.report(error, problem, request);
    reply.removeHeader('etag');
    return reply
      .code(problem.status)
      .headers({
        ...traceHeaders(trace),
        ...problem.headers,
        'content-type': PROBLEM_MEDIA_TYPE,
        'cache-control': 'no-store',
      })
      .send(jsonTextOfAnswer({ ...problem.body, ...trace }));
  };
  const app = newServer(limits, sendProblem);
  const routes = refuseUnprotectedRoutes(app);
  app.decorateRequest('actor', undefined);
  app.decorateRequest('problemCode', undefined);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request) => {
    throw routes.faultOf(request.method, request.url);
  });
  observeRequests(app, ports);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
  });
  app.addHook('onRequest', async (request, reply) => admit(request, reply, ports, limits, routes));
  acceptJsonBodies(app, limits);
  for (const endpoint of ports.endpoints) mount(app, endpoint, ports, streams);
  if (options.docs) {
    const { endpoints, publications = [] } = ports;
    await addDocs(app, openApiDocument(endpoints, options.version), asyncApiDocument(publications, options.version));
  }
  await app.ready();
  return { app, streams };
}

function newServer(
  limits: HttpLimits,
  sendProblem: (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.idleTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    maxRequestsPerSocket: limits.requestsPerSocketMax,
    http: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.timeoutCheckIntervalMs,
      // Checked with the other headers, where the answer is a problem like any other.
      requireHostHeader: false,
    },
    // A request that came while the server is stopping is answered: the connection is closed after it.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 500 },
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
    clientErrorHandler: (error, socket) => answerSocketFault(error, socket),
  });
  app.server.maxConnections = limits.connectionsMax;
  answerOddRequests(app.server);
  return app;
}

/** No route gets into the router without saying who may use it, whoever adds it. */
function refuseUnprotectedRoutes(app: FastifyInstance): RouteTable {
  const table = new RouteTable();
  app.addHook('onRoute', ({ method, url, config }) => {
    // Plugins add their routes inside a scope whose own hook marks them as public, after this one has seen them.
    if (config?.permission === undefined && !url.startsWith('/docs')) {
      throw new Misconfigured(
        'api.route-without-permission',
        `${String(method)} ${url} does not say who may use it.`,
        'Set config.permission.',
      );
    }
    table.add(method, url);
  });
  return table;
}

async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  ports: ApiPorts,
  limits: HttpLimits,
  routes: RouteTable,
): Promise<void> {
  reply.headers(traceHeaders(traceOf(request.raw, ports.ids)));
  refuseAmbiguous(request.raw, limits.urlBytesMax);
  if (request.is404) throw routes.faultOf(request.method, request.url);
  const { permission } = request.routeOptions.config;
  if (permission === 'public') return;
  request.actor = await ports.authenticator.authenticate(bearerToken(request.headers));
  if (permission === 'authenticated') return;
  // A route without a permission cannot exist; were there one, nobody would hold this.
  ports.access.authorise(request.actor, permission ?? 'nobody:ever');
}

function mount(app: FastifyInstance, endpoint: Endpoint, ports: ApiPorts, streams: EventStreams): void {
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    config: { permission: endpoint.permission },
    handler: async (request, reply) => {
      const trace = traceOf(request.raw, ports.ids);
      const actor = request.actor ?? nobody;
      const conditions = preconditions(request.method, request.headers);
      const asked = endpointRequest(endpoint, request, actor, trace, conditions);
      const wait = endpoint.reads === undefined ? undefined : minPosition(request.headers);
      if (endpoint.reads !== undefined && wait !== undefined) {
        await waitFor(endpoint.reads, wait, ports);
        reply.header('preference-applied', `wait=${wait.waitSeconds}`);
      }
      const answer = await endpoint.handle({ ...asked, minPosition: wait?.position }).catch((error: unknown) => {
        throw conditions.ifMatch === undefined ? error : preconditionFailed(error);
      });
      // A rebuild changes what a projection says without a new version: such a read is never answered 304.
      const knownTags = endpoint.reads === undefined ? conditions.ifNoneMatch : undefined;
      if (answer.events === undefined) return sendAnswer(request, reply, answer, knownTags);
      if (request.method === 'HEAD') return reply.header('content-type', 'text/event-stream; charset=utf-8').send();
      return streams.send(reply, actor.tenant, answer.events, ports.logger.child({ ...trace }));
    },
  });
}

async function waitFor(
  projection: string,
  { position, waitSeconds }: { position: bigint; waitSeconds: number },
  ports: ApiPorts,
): Promise<void> {
  const head = await ports.signal.head();
  if (position > head.position) {
    const next = 'Send the Groundwork-Position of an answer as it came.';
    throw new InvalidInput(
      'query.position-unknown',
      'The log has not reached the position that the request names.',
      next,
    );
  }
  await waitForPosition({ projection, position, timeoutMs: waitSeconds * 1000 }, ports);
}

/** Who names the version knows more than that somebody else was faster: the condition does not hold (412). */
function preconditionFailed(error: unknown): unknown {
  if (!(error instanceof VersionConflict)) return error;
  return new PreconditionFailed(
    'http.precondition-failed',
    `It is at version ${error.actual}.`,
    'Read it again, look at what changed, and send the change with the new ETag.',
    { currentVersion: error.actual },
  );
}

/** Nobody reads this answer; it is for the log and the metrics, where it is not a fault of ours. */
const hungUp = (): MalformedRequest =>
  new MalformedRequest('http.hung-up', 'The caller hung up in the middle of the body.', 'Send the request again.');

/** Who calls a public endpoint: they hold nothing, and their tenant owns nothing. */
const nobody: Actor = { subject: 'anonymous', tenant: 'public' as Actor['tenant'], roles: [], permissions: new Set() };
