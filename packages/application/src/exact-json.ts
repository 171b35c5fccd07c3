// JSON that comes out as it went in: digit for digit, key for key.
import { InvalidInput } from './errors.ts';

/** A JSON text that is stored and sent as it is, never re-serialised. */
export class ExactJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

export interface JsonLimits {
  readonly depthMax: number;
  readonly keysMax: number;
}

const DEFAULT_LIMITS: JsonLimits = { depthMax: 32, keysMax: 10_000 };
// The longest double written out has 309 digits before its point; nobody means a number that is longer than this.
const NUMBER_LENGTH_MAX = 400;
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

// JSON.rawJSON and the reviver's third argument are ECMAScript 2026; TypeScript's libraries do not know them yet.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
const isRawJson = (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON;

/**
 * Parses JSON without bending it. A number that JavaScript cannot hold exactly becomes a raw JSON value (see
 * `exactNumberText`), which `JSON.stringify` writes back digit for digit. Throws InvalidInput for what is not JSON
 * (`json.malformed`), too deep or too large (`json.too-deep`, `json.too-many-keys`), or could not be kept intact:
 * NUL and lone surrogates (`json.unstorable-text`), numbers beyond a double's range or of more than 400 characters
 * (`json.unstorable-number`), and keys that name prototypes (`json.forbidden-key`).
 */
export function parseExactJson(text: string, limits: JsonLimits = DEFAULT_LIMITS): unknown {
  refuseTooDeep(text, limits.depthMax);
  let keys = 0;
  const keep = (key: string, value: unknown, context?: { source?: string }): unknown => {
    if (++keys > limits.keysMax) {
      throw new InvalidInput(
        'json.too-many-keys',
        `The JSON has more than ${limits.keysMax} values.`,
        'Send less at once.',
      );
    }
    if (FORBIDDEN_KEYS.has(key)) {
      throw new InvalidInput('json.forbidden-key', `The key "${key}" is not accepted.`, 'Rename or leave out the key.');
    }
    refuseUnstorableText(key);
    if (typeof value === 'string') refuseUnstorableText(value);
    return typeof value === 'number' ? exactNumber(value, context?.source ?? String(value)) : value;
  };
  try {
    return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
  } catch (error) {
    if (error instanceof InvalidInput) throw error;
    throw new InvalidInput(
      'json.malformed',
      `This is not JSON: ${(error as Error).message}`,
      'Send valid JSON (RFC 8259).',
    );
  }
}

/** The digits of a parsed number, exact for any size; undefined when `value` is not a number. */
export function exactNumberText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  return isRawJson(value) ? (value as { rawJSON: string }).rawJSON : undefined;
}

/** The JSON text of an event's data or a command's payload: exact text as it is, anything else serialised. */
export function jsonTextOf(value: unknown): string {
  return value instanceof ExactJson ? value.text : (JSON.stringify(value) ?? 'null');
}

function refuseTooDeep(text: string, depthMax: number): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (inString) {
      if (char === 0x5c) at++;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) inString = true;
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > depthMax) {
        throw new InvalidInput(
          'json.too-deep',
          `The JSON is nested deeper than ${depthMax}.`,
          'Send a flatter structure.',
        );
      }
    } else if (char === 0x7d || char === 0x5d) depth--;
  }
}

function refuseUnstorableText(text: string): void {
  if (text.includes('\u0000') || !text.isWellFormed()) {
    throw new InvalidInput(
      'json.unstorable-text',
      'A text holds a NUL character or half of a surrogate pair, which no database keeps intact.',
      'Remove the character or send complete Unicode.',
    );
  }
}

function exactNumber(value: number, source: string): unknown {
  // Before anything looks at the digits: what is slow for a few of them blocks the process for a million.
  if (source.length > NUMBER_LENGTH_MAX) {
    throw unstorableNumber(`The number ${source.slice(0, 40)}… has more than ${NUMBER_LENGTH_MAX} characters.`);
  }
  if (!Number.isFinite(value)) throw unstorableNumber(`The number ${source.slice(0, 40)} is out of range.`);
  return isExact(value, source) ? value : rawJson(source);
}

/** Whether the double prints the same digits again, but for the ways JSON may write the same number. */
function isExact(value: number, source: string): boolean {
  const printed = String(value);
  if (printed === source) return true;
  // A whole number is a name more often than an amount: its digits stay, even where the double has the same value.
  return /[.eE]/.test(source) && canonicalDigits(source) === canonicalDigits(printed);
}

/** Sign, digits and exponent with neither leading nor trailing zeros, so that 1.50, 1.5 and 15e-1 are one. */
function canonicalDigits(source: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const digits = whole + fraction;
  let [start, end] = [0, digits.length];
  while (start < end && digits[start] === '0') start++;
  while (end > start && digits[end - 1] === '0') end--;
  if (start === end) return '0';
  return `${sign}${digits.slice(start, end)}e${Number(exponent) - fraction.length + (digits.length - end)}`;
}

const unstorableNumber = (happened: string): InvalidInput =>
  new InvalidInput('json.unstorable-number', happened, 'Send it as text.');
