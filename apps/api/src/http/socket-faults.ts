// Answers those whose bytes never became a request, so that they too get a problem with a code.
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { jsonTextOfAnswer } from './json-text.ts';
import { PROBLEM_MEDIA_TYPE, problemBody } from './problems.ts';

type Fault = readonly [status: number, code: string, detail: string, next: string];

const FAULTS: Readonly<Record<string, Fault>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'http.headers-too-large',
    'The headers are larger than is accepted.',
    'Send fewer or shorter headers.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'http.request-timeout',
    'The request did not arrive in time.',
    'Send it without pauses.',
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [
    413,
    'http.body-too-large',
    'The chunk extensions are larger than is accepted.',
    'Leave them out.',
  ],
};
const MALFORMED: Fault = [
  400,
  'http.malformed',
  'This is not a valid HTTP request.',
  'Check method, path, headers and body.',
];
const EXPECTATION: Fault = [
  417,
  'http.expectation',
  'Only Expect: 100-continue is understood.',
  'Leave out the header.',
];
const TUNNEL: Fault = [
  405,
  'http.method-not-allowed',
  'This server is no proxy.',
  'Use a method that /openapi.json names.',
];

/** For Fastify's `clientErrorHandler`. */
export function answerSocketFault(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  endWith(socket, FAULTS[error.code ?? ''] ?? MALFORMED);
}

/** What Node answers by itself, without a body, unless somebody listens. */
export function answerOddRequests(server: Server): void {
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const [status, body] = [EXPECTATION[0], textOf(EXPECTATION)];
    response.writeHead(status, {
      'content-type': PROBLEM_MEDIA_TYPE,
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    });
    response.end(body);
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => endWith(socket, TUNNEL));
}

function endWith(socket: Duplex, fault: Fault): void {
  const body = textOf(fault);
  const head = [
    `HTTP/1.1 ${fault[0]} ${STATUS_CODES[fault[0]]}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...(fault === TUNNEL ? ['allow: GET, POST, PUT, DELETE'] : []),
    'connection: close',
  ];
  socket.on('error', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const textOf = (fault: Fault): string => jsonTextOfAnswer(problemBody(...fault));
