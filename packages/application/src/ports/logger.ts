// Structured log lines.
import { port } from '../port.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
/** Facts of a line. Never put payloads, names, addresses or secrets here: lines are read by many. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each line: context, tenant, correlationId, causationId … */
  child(fields: LogFields): Logger;
}
export const Logger = port<Logger>('Logger');
