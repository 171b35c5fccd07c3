// How long every statement takes, and which ones take too long.
import type { Histogram, Logger, Metrics } from '@groundwork/application';

const SHOWN_LENGTH_MAX = 500;

export class StatementMeter {
  readonly #slowQueryMs: number;
  readonly #logger: Logger;
  readonly #durations: Histogram;

  constructor(options: { readonly slowQueryMs: number; readonly logger: Logger; readonly metrics: Metrics }) {
    this.#slowQueryMs = options.slowQueryMs;
    this.#logger = options.logger;
    this.#durations = options.metrics.histogram(
      'db_client_operation_duration_seconds',
      'Duration of database operations.',
      ['operation', 'outcome'],
    );
  }

  /** Runs a statement; `operation` is the label of its duration and must be one of few. */
  async measure<T>(operation: string, sql: string, run: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let outcome = 'error';
    try {
      const result = await run();
      outcome = 'ok';
      return result;
    } finally {
      const tookMs = performance.now() - startedAt;
      this.#durations.observe(tookMs / 1000, { operation, outcome });
      if (tookMs > this.#slowQueryMs) {
        this.#logger.warn('A statement was slow.', {
          operation,
          tookMs: Math.round(tookMs),
          sql: normalisedSql(sql).slice(0, SHOWN_LENGTH_MAX),
        });
      }
    }
  }
}

/** The statement without its values: texts and numbers are `?`, comments and line breaks are gone. */
export const normalisedSql = (sql: string): string =>
  sql
    .replaceAll(
      COMMENTS_AND_LITERALS,
      (found, kept: string | undefined) => kept ?? (/^(--|\/\*)/.test(found) ? ' ' : '?'),
    )
    .replaceAll(/\s+/g, ' ')
    .trim();

const COMMENTS_AND_LITERALS = new RegExp(
  [
    // Names and parameters are taken first, and kept: nothing inside them is a value.
    String.raw`("(?:[^"]|"")*"|[A-Za-z_][\w$]*(?!')|\$\d+)`,
    String.raw`--[^\n]*|\/\*.*?\*\/`,
    String.raw`[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\2\$`,
    String.raw`\d+(?:\.\d+)?(?:[eE][+-]?\d+)?`,
  ].join('|'),
  'gs',
);

/** What TypeORM is about to do, as one of few words. */
export function operationOf(sql: string): string {
  return OPERATIONS.get(/^\s*(\w+)/.exec(sql)?.[1]?.toLowerCase() ?? '') ?? 'entity_other';
}

const OPERATIONS: ReadonlyMap<string, string> = new Map([
  ['start', 'begin'],
  ['set', 'set_tenant'],
  ['commit', 'commit'],
  ['rollback', 'rollback'],
  ['select', 'entity_select'],
  ['insert', 'entity_insert'],
  ['update', 'entity_update'],
  ['delete', 'entity_delete'],
]);
