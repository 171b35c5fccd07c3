// Health, metrics, facts and log levels on a port of their own, apart from the product.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Misconfigured, port, type LogLevel } from '@groundwork/application';
import type { ErrorGroups } from './error-groups.ts';
import { isLoopback } from './loopback.ts';
import type { PrometheusMetrics } from './prometheus-metrics.ts';
import type { CheckOutcome, Readiness } from './readiness.ts';
import { LOG_LEVELS } from './winston-logger.ts';

const BODY_BYTES_MAX = 1_024;
const REQUEST_MS_MAX = 10_000;

export interface ManagementParts {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly readiness: Readiness;
  readonly metrics: PrometheusMetrics;
  /** Whose level `/loggers` shows and changes. */
  readonly logger: { level: LogLevel };
  /** What `/errors` lists. */
  readonly errors: Pick<ErrorGroups, 'all'>;
  /** What `/info` shows; secrets must be masked already. */
  readonly info: Readonly<Record<string, unknown>>;
}

/** The life of a process, which only the process itself knows: `/startupz` and `/readyz` follow it. */
export type LifeStage = 'starting' | 'running' | 'stopping';

interface Answer {
  readonly status: number;
  readonly body: string | object;
  readonly contentType?: string;
}

export interface ManagementServer {
  /** Opens the port and returns it; throws Misconfigured `management.port-taken`. */
  listen(): Promise<number>;
  /** Says how far the process is: ready only while `running`. */
  enter(stage: LifeStage): void;
  close(): Promise<void>;
}
export const ManagementServer = port<ManagementServer>('ManagementServer');

/**
 * Serves `/livez`, `/readyz`, `/startupz`, `/metrics`, `/info`, `/errors` and `/loggers` with node:http. Nobody has to
 * say who they are here; `/errors` and changes are therefore for callers on this machine only.
 */
export class HttpManagementServer implements ManagementServer {
  readonly #parts: ManagementParts;
  readonly #server: Server;
  #stage: LifeStage = 'starting';

  constructor(parts: ManagementParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => {
      this.#answer(request)
        .catch((error: unknown) => plainAnswer(500, `failed: ${(error as Error).name}`))
        .then((answer) => send(response, answer, request.method === 'HEAD'))
        .catch(() => response.destroy());
    });
    this.#server.requestTimeout = REQUEST_MS_MAX;
  }

  async listen(): Promise<number> {
    const { host, port: wanted } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(portTaken(host, wanted, error)));
      this.#server.listen(wanted, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  enter(stage: LifeStage): void {
    this.#stage = stage;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const [path = '/', query] = (request.url ?? '/').split('?', 2);
    const reading = request.method === 'GET' || request.method === 'HEAD';
    const verbose = new URLSearchParams(query).has('verbose');
    if ((path === '/errors' || !reading) && !isLoopback(request.socket.remoteAddress)) return LOOPBACK_ONLY;
    const json = request.headers.accept?.includes('application/json') ?? false;
    if (path === '/loggers' && request.method === 'PUT') return this.#setLevel(request);
    if (!reading) return plainAnswer(405, 'method not allowed');
    switch (path) {
      case '/livez':
        return plainAnswer(200, 'ok');
      case '/startupz':
        return this.#stage === 'starting' ? plainAnswer(503, 'starting') : plainAnswer(200, 'ok');
      case '/readyz':
        return this.#ready(verbose, json);
      case '/metrics': {
        const { contentType, text } = await this.#parts.metrics.scrape();
        return { status: 200, body: text, contentType };
      }
      case '/info':
        return {
          status: 200,
          body: { ...this.#parts.info, stage: this.#stage, uptimeSeconds: Math.round(process.uptime()) },
        };
      case '/errors':
        return { status: 200, body: { groups: this.#parts.errors.all } };
      case '/loggers':
        return { status: 200, body: { level: this.#parts.logger.level, levels: LOG_LEVELS } };
      default:
        return plainAnswer(404, 'not found; try /livez /readyz /startupz /metrics /info /errors /loggers');
    }
  }

  async #ready(verbose: boolean, json: boolean): Promise<Answer> {
    const checks = await this.#parts.readiness.outcomes();
    const stage = this.#stage === 'running' ? undefined : this.#stage;
    const outcomes = [{ name: 'running', failure: stage, isVital: true, seconds: 0 }, ...checks];
    const ready = outcomes.every(({ failure, isVital }) => failure === undefined || !isVital);
    const isWhole = outcomes.every(({ failure }) => failure === undefined);
    const status = ready ? 200 : 503;
    const word = isWhole ? 'ready' : ready ? 'degraded' : 'not-ready';
    if (json) return { status, body: { status: word, checks: outcomes.map(checkBody) } };
    if (ready && !verbose) return plainAnswer(200, 'ok');
    return plainAnswer(status, [...outcomes.map(checkLine), word.replace('-', ' ')].join('\n'));
  }

  async #setLevel(request: IncomingMessage): Promise<Answer> {
    // A browser cannot send this type to another origin unasked, so no page can change the level.
    if (!request.headers['content-type']?.startsWith('application/json'))
      return plainAnswer(415, 'send application/json');
    const level = levelOf(await bodyOf(request));
    if (level === undefined) return plainAnswer(422, `send {"level": one of ${LOG_LEVELS.join(', ')}}`);
    this.#parts.logger.level = level;
    return { status: 200, body: { level, levels: LOG_LEVELS } };
  }
}

const LOOPBACK_ONLY: Answer = {
  status: 403,
  contentType: 'application/problem+json; charset=utf-8',
  body: {
    type: 'urn:groundwork:error:management.loopback-only',
    title: 'Forbidden',
    status: 403,
    code: 'management.loopback-only',
    detail: 'This is answered to callers on the machine of the program only.',
    next: 'Ask from there: through ssh, kubectl port-forward or a shell in the container.',
  },
};

const plainAnswer = (status: number, text: string): Answer => ({ status, body: `${text}\n` });

const checkLine = ({ name, failure, isVital }: CheckOutcome): string =>
  failure === undefined ? `[+] ${name} ok` : `[${isVital ? '-' : '~'}] ${name}: ${failure}`;

const checkBody = ({ name, failure, isVital, seconds }: CheckOutcome): object => ({
  name,
  healthy: failure === undefined,
  ...(isVital ? {} : { vital: false }),
  failure,
  seconds,
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk as string;
    if (body.length > BODY_BYTES_MAX) return '';
  }
  return body;
}

function levelOf(body: string): LogLevel | undefined {
  try {
    const { level } = JSON.parse(body) as { level?: unknown };
    return LOG_LEVELS.find((known) => known === level);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, { status, body, contentType }: Answer, headOnly: boolean): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body, null, 2)}\n`;
  response.writeHead(status, {
    'content-type':
      contentType ?? (typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8'),
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(headOnly ? undefined : text);
}

function portTaken(host: string, wanted: number, error: NodeJS.ErrnoException): Error {
  return new Misconfigured(
    'management.port-taken',
    `The management port ${host}:${wanted} cannot be opened: ${error.code ?? error.message}.`,
    'Stop what listens there, or set MANAGEMENT_PORT (0 takes any free port) or GW_MANAGEMENT_HOST.',
    { host, port: wanted },
    { cause: error },
  );
}
