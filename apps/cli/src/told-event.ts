// What the api tells of an event, and of what became of something that is built from events.

export interface ToldEvent {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly streamVersion: number;
  readonly position: string;
  readonly occurredAt: string;
  readonly recordedAt: string;
  readonly actor: string;
  readonly causationId: string | null;
}

export interface ToldError {
  readonly code: string;
  readonly message: string;
}

export const errorLine = ({ code, message }: ToldError): string => `${message} [${code}]`;

const VALUE_LENGTH_MAX = 60;

/** A value in one short line; the api leaves values out for those who may not read payloads. */
export function valueText(value: unknown): string {
  const text = value === undefined ? '(hidden)' : JSON.stringify(value);
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX - 1)}…` : text;
}
