// Turns whatever a log line was given into plain data that is small, finite and free of secrets.
import { isSecretKey, MASK, maskSecrets } from './mask-secrets.ts';

const DEPTH_MAX = 6;
const ITEMS_MAX = 50;
const TEXT_LENGTH_MAX = 4_000;
const STACK_LENGTH_MAX = 8_000;
const CAUSES_MAX = 3;

/** `fields` as JSON data: errors with code and stack, bigints and dates as text, cycles and depths cut. */
export function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return plainObject(fields, 0, new Set());
}

function plain(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === 'string') return maskSecrets(shortened(value, TEXT_LENGTH_MAX));
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return `[function ${value.name}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Error) return plainError(value, depth, above);
  if (above.has(value)) return '[circular]';
  if (depth >= DEPTH_MAX) return '[deep]';
  above.add(value);
  const copied = isList(value) ? plainList([...value], depth, above) : plainObject(value, depth, above);
  above.delete(value);
  return copied;
}

const isList = (value: object): value is readonly unknown[] | Set<unknown> =>
  Array.isArray(value) || value instanceof Set;

function plainList(items: readonly unknown[], depth: number, above: Set<object>): unknown[] {
  const kept = items.slice(0, ITEMS_MAX).map((item) => plain(item, depth + 1, above));
  return items.length > ITEMS_MAX ? [...kept, `[${items.length - ITEMS_MAX} more]`] : kept;
}

function plainObject(value: object, depth: number, above: Set<object>): Record<string, unknown> {
  const entries =
    value instanceof Map ? [...value].map(([key, item]) => [String(key), item] as const) : Object.entries(value);
  return Object.fromEntries(
    entries
      .slice(0, ITEMS_MAX)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, isSecretKey(key) ? MASK : plain(item, depth + 1, above)]),
  );
}

function plainError(error: Error, depth: number, above: Set<object>, causes = 0): Record<string, unknown> {
  const { code, details, next } = error as { code?: unknown; details?: unknown; next?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: maskSecrets(shortened(error.message, TEXT_LENGTH_MAX)),
    ...(typeof next === 'string' ? { next } : {}),
    ...(typeof details === 'object' && details !== null && Object.keys(details).length > 0
      ? { details: plain(details, depth + 1, above) }
      : {}),
    ...(error.stack === undefined ? {} : { stack: maskSecrets(shortened(error.stack, STACK_LENGTH_MAX)) }),
    ...(error.cause instanceof Error && causes < CAUSES_MAX
      ? { cause: plainError(error.cause, depth, above, causes + 1) }
      : {}),
  };
}

const shortened = (text: string, lengthMax: number): string =>
  text.length > lengthMax ? `${text.slice(0, lengthMax)}… (${text.length} characters)` : text;
