// Reads a body: JSON in UTF-8 and nothing else, exactly as it came.
import { InvalidInput, parseExactJson } from '@groundwork/application';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { HttpLimits } from './http-limits.ts';
import { MalformedRequest } from './malformed-request.ts';

/** What a route finds as `request.body`. */
export class JsonBody {
  readonly text: string;
  readonly value: unknown;
  constructor(text: string, value: unknown) {
    this.text = text;
    this.value = value;
  }
}

const MEDIA_TYPE = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i;

/** The only parser: anything that is not application/json is answered 415. */
export function acceptJsonBodies(app: FastifyInstance, limits: HttpLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (request: FastifyRequest, body: Buffer) => {
    if (!MEDIA_TYPE.test(request.headers['content-type'] ?? '')) {
      throw new MalformedRequest(
        'http.unsupported-media-type',
        'Only application/json in UTF-8 is accepted.',
        'Send JSON and say so in Content-Type.',
        { status: 415 },
      );
    }
    return body.length === 0 ? undefined : jsonBody(body, limits);
  });
}

/** Throws InvalidInput `json.…`. */
function jsonBody(bytes: Buffer, limits: HttpLimits): JsonBody {
  const text = utf8(bytes);
  const value = parseExactJson(text, { depthMax: limits.jsonDepthMax, keysMax: limits.jsonValuesMax });
  refuseLongTexts(value, limits.textLengthMax);
  return new JsonBody(text, value);
}

function utf8(bytes: Buffer): string {
  try {
    // A byte order mark would otherwise be swallowed, and the text no longer be what was sent.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InvalidInput('json.not-utf-8', 'The body is not UTF-8.', 'Encode the JSON as UTF-8 (RFC 8259).');
  }
}

function refuseLongTexts(value: unknown, lengthMax: number): void {
  if (typeof value === 'string' && value.length > lengthMax) {
    throw new InvalidInput('json.text-too-long', `A text is longer than ${lengthMax} characters.`, 'Shorten the text.');
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    refuseLongTexts(key, lengthMax);
    refuseLongTexts(member, lengthMax);
  }
}
