// Structured log lines.
import { port } from '../port.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
/** Facts of a line. Never put payloads, names, addresses or secrets here: lines are read by many. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** Fields that cost something to find are given as a function, which is called only for a line that is written. */
  debug(message: string, fields?: LogFields | (() => LogFields)): void;
  /** A logger that adds `fields` to each line: context, tenant, correlationId, causationId … */
  child(fields: LogFields): Logger;
}
export const Logger = port<Logger>('Logger');
