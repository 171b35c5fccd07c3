// The Logger port over winston: structured lines to one stream, with a level that can change while the process runs.
import type { LogFields, Logger, LogLevel } from '@groundwork/application';
import { trace } from '@opentelemetry/api';
import winston from 'winston';
import { jsonLine, prettyLine, type LogEntry } from './log-lines.ts';

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3 } as const satisfies Record<LogLevel, number>;
export const LOG_LEVELS = Object.keys(LEVELS) as readonly LogLevel[];

export interface WinstonLoggerOptions {
  /** Which program speaks: `api`, `worker`, `gw`. */
  readonly service: string;
  readonly level: LogLevel;
  /** By default pretty when the stream is a terminal. */
  readonly format?: 'json' | 'pretty' | undefined;
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly now?: () => Date;
  /** Hears of every line that is written, and of errors and warnings below the level. */
  readonly listener?: (entry: LogEntry) => void;
}

/** Lines carry the fields of all `child` loggers above them and the ids of the active trace span. */
export class WinstonLogger implements Logger {
  readonly #winston: winston.Logger;
  readonly #service: string;
  readonly #now: () => Date;
  readonly #listener: ((entry: LogEntry) => void) | undefined;
  readonly #fields: LogFields;

  constructor(options: WinstonLoggerOptions | { readonly parent: WinstonLogger; readonly fields: LogFields }) {
    if ('parent' in options) {
      this.#winston = options.parent.#winston;
      this.#service = options.parent.#service;
      this.#now = options.parent.#now;
      this.#listener = options.parent.#listener;
      this.#fields = { ...options.parent.#fields, ...options.fields };
    } else {
      this.#winston = winstonFor(options);
      this.#service = options.service;
      this.#now = options.now ?? (() => new Date());
      this.#listener = options.listener;
      this.#fields = {};
    }
  }

  get level(): LogLevel {
    return this.#winston.level as LogLevel;
  }

  /** Changes the level of this logger and of all its relatives. */
  set level(level: LogLevel) {
    this.#winston.level = level;
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }

  debug(message: string, fields?: LogFields | (() => LogFields)): void {
    this.#write('debug', message, fields);
  }

  child(fields: LogFields): WinstonLogger {
    return new WinstonLogger({ parent: this, fields });
  }

  #write(level: LogLevel, message: string, fields: LogFields | (() => LogFields) = {}): void {
    const isSilent = LEVELS[level] > LEVELS[this.level];
    // A projection tells of every event it passes: a line that nobody hears must cost nothing.
    if (isSilent && (this.#listener === undefined || LEVELS[level] > LEVELS.warn)) return;
    const span = trace.getActiveSpan()?.spanContext();
    const traced = span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId };
    const entry: LogEntry = {
      timestamp: this.#now(),
      level,
      message,
      service: this.#service,
      fields: { ...this.#fields, ...traced, ...(typeof fields === 'function' ? fields() : fields) },
    };
    this.#listener?.(entry);
    if (!isSilent) this.#winston.log({ level, message, entry });
  }
}

function winstonFor(options: WinstonLoggerOptions): winston.Logger {
  const stream = options.stream ?? process.stdout;
  const terminal = stream.isTTY === true;
  const pretty = (options.format ?? (terminal ? 'pretty' : 'json')) === 'pretty';
  const colours = terminal && process.env.NO_COLOR === undefined;
  return winston.createLogger({
    levels: LEVELS,
    level: options.level,
    format: winston.format.printf(({ entry }) =>
      pretty ? prettyLine(entry as LogEntry, colours) : jsonLine(entry as LogEntry),
    ),
    transports: [new winston.transports.Stream({ stream, eol: '\n' })],
  });
}
