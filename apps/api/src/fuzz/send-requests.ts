// Sends bytes to a server as they are and tells what came back.
import { connect } from 'node:net';
import type { BadRequest } from './bad-requests.ts';

const ANSWER_WAIT_MS = 20_000;

export interface FuzzAnswer {
  readonly request: BadRequest;
  /** undefined when the connection was closed without an answer. */
  readonly status: number | undefined;
  /** The problem's code. */
  readonly code: string | undefined;
  readonly location: string | undefined;
  /** The whole answer, headers included. */
  readonly text: string;
}

/** One connection for each request, `connections` at a time. Hand every answer to `look` as it comes. */
export async function sendRequests(
  url: string,
  requests: Iterable<BadRequest>,
  connections: number,
  look: (answer: FuzzAnswer) => Promise<void> | void,
): Promise<void> {
  const waiting = requests[Symbol.iterator]();
  const send = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next())
      await look(await sendRequest(url, next.value));
  };
  await Promise.all(Array.from({ length: connections }, send));
}

/** Rejects when the server neither answers nor hangs up, or cannot be reached. */
export function sendRequest(url: string, request: BadRequest): Promise<FuzzAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      if (request.cutOff === true) socket.end(request.bytes);
      else socket.write(request.bytes);
    });
    socket.setTimeout(ANSWER_WAIT_MS, () => socket.destroy(new Error(`no answer to ${request.name}`)));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A server that refuses may hang up while more is on its way.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(answerIn(request, Buffer.concat(chunks).toString('utf8'))));
  });
}

function answerIn(request: BadRequest, text: string): FuzzAnswer {
  // After "100 Continue" the answer itself follows.
  const final = text.replace(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/, '');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(final)?.[1];
  return {
    request,
    status: status === undefined ? undefined : Number(status),
    code: /"code":"([^"]+)"/.exec(final)?.[1],
    location: /^location: (.+)$/im.exec(final)?.[1]?.trim(),
    text: final,
  };
}
