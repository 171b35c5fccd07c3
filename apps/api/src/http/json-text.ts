// Writes an answer as JSON: positions as decimal text, exact JSON as it is.
import { ExactJson } from '@groundwork/application';

const isRawJson = (JSON as unknown as { isRawJSON(value: unknown): boolean }).isRawJSON;

/** Like `JSON.stringify`, but for bigint (decimal text) and ExactJson (its own text, unchanged). */
export function jsonTextOfAnswer(value: unknown): string {
  return textOf(value) ?? 'null';
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'bigint') return `"${value}"`;
  if (typeof value !== 'object' || value === null || isRawJson(value)) return JSON.stringify(value);
  if (value instanceof ExactJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonTextOfAnswer).join(',')}]`;
  if ('toJSON' in value) return JSON.stringify(value);
  const members: string[] = [];
  for (const [key, member] of Object.entries(value)) {
    const text = textOf(member);
    if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${members.join(',')}}`;
}
