// The two shapes of a log line: JSON for machines, one short line for people.
import { styleText } from 'node:util';
import type { LogLevel } from '@groundwork/application';
import { maskSecrets } from './mask-secrets.ts';
import { plainFields } from './plain-fields.ts';

export interface LogEntry {
  readonly timestamp: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly service: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const RESERVED = new Set(['timestamp', 'level', 'message', 'service']);
const COLOURS = { error: 'red', warn: 'yellow', info: 'green', debug: 'gray' } as const;
const STACK_LINES_MAX = 12;
// Control characters, line separators and direction marks could forge a line or drive the reader's terminal.
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One JSON object on one line; a field never replaces timestamp, level, message or service. */
export function jsonLine(entry: LogEntry): string {
  const fields = Object.entries(plainFields(entry.fields)).filter(([key]) => !RESERVED.has(key));
  return JSON.stringify({
    timestamp: entry.timestamp.toISOString(),
    level: entry.level,
    message: maskSecrets(entry.message),
    service: entry.service,
    ...Object.fromEntries(fields),
  }).replace(UNSAFE, escaped);
}

/** `10:15:30.123 INFO  worker/clients message key=value`, with the stack of an error indented below. */
export function prettyLine(entry: LogEntry, colours: boolean): string {
  const paint = (colour: Parameters<typeof styleText>[0], text: string): string =>
    colours ? styleText(colour, text, { validateStream: false }) : text;
  const { context, error, ...rest } = plainFields(entry.fields);
  const place = context === undefined ? entry.service : `${entry.service}/${String(context)}`;
  const facts = Object.entries(rest).map(([key, value]) => `${oneLine(key)}=${oneLine(asText(value))}`);
  const line = [
    paint('gray', entry.timestamp.toISOString().slice(11, 23)),
    paint(COLOURS[entry.level], entry.level.toUpperCase().padEnd(5)),
    paint('cyan', oneLine(place)),
    oneLine(maskSecrets(entry.message)),
    ...(facts.length > 0 ? [paint('gray', facts.join(' '))] : []),
  ].join(' ');
  return error === undefined ? line : `${line}\n${paint('gray', errorBlock(error))}`;
}

function errorBlock(error: unknown): string {
  const { code, message, next, stack } = error as Record<string, unknown>;
  const frames =
    typeof stack === 'string' ? stack.split('\n').filter((frame) => frame.trimStart().startsWith('at ')) : [];
  const lines =
    typeof message === 'string' ? [code === undefined ? message : `${asText(code)}: ${message}`] : [asText(error)];
  if (typeof next === 'string') lines.push(next);
  return [...lines, ...frames.slice(0, STACK_LINES_MAX)].map((text) => `    ${oneLine(text.trim())}`).join('\n');
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));

const oneLine = (text: string): string => text.replace(UNSAFE, escaped);

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
