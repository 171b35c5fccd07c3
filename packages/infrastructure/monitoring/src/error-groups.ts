// Counts what went wrong by what it is: the same error a hundred times is one group with the count 100.
import type { Counter, Metrics } from '@groundwork/application';
import type { LogEntry } from './log-lines.ts';
import { maskSecrets } from './mask-secrets.ts';
import { plainFields } from './plain-fields.ts';

const GROUPS_MAX = 200;

export interface ErrorGroup {
  /** The part of the program that logged it. */
  readonly component: string;
  /** What the program was doing: the constant message of the line. */
  readonly operation: string;
  /** The error's stable code, or its type where it has none. */
  readonly code: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** The latest occurrence with all its fields: correlation id, tenant, stack. */
  readonly last: Readonly<Record<string, unknown>>;
}

/** Takes log entries; of level error, and warnings about an error, count in `groundwork_logged_errors_total`. */
export class ErrorGroups {
  readonly #groups = new Map<string, ErrorGroup>();
  readonly #errors: Counter;

  constructor(metrics: Metrics) {
    this.#errors = metrics.counter(
      'groundwork_logged_errors_total',
      'Errors that were logged, by component and code.',
      ['component', 'code'],
    );
  }

  /** Most frequent first. */
  get all(): readonly ErrorGroup[] {
    return [...this.#groups.values()].sort((one, other) => other.count - one.count);
  }

  record({ level, message, service, timestamp, fields }: LogEntry): void {
    const code = codeOf(fields);
    if (level !== 'error' && (level !== 'warn' || code === undefined)) return;
    const component = typeof fields.context === 'string' ? fields.context : service;
    const operation = maskSecrets(message);
    const group = { component, operation, code: code ?? 'error' };
    this.#errors.add(1, { component, code: group.code });
    const key = [component, operation, group.code, originOf(fields)].join('\n');
    const known = this.#groups.get(key);
    const at = timestamp.toISOString();
    // Behind the newest, so that the group that was quiet for longest is forgotten first.
    this.#groups.delete(key);
    this.#groups.set(key, {
      ...group,
      count: (known?.count ?? 0) + 1,
      firstAt: known?.firstAt ?? at,
      lastAt: at,
      last: plainFields(fields),
    });
    if (this.#groups.size > GROUPS_MAX) this.#groups.delete(this.#groups.keys().next().value!);
  }
}

function codeOf({ code, error }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof code === 'string') return code;
  if (!(error instanceof Error)) return undefined;
  const its = (error as { code?: unknown }).code;
  return typeof its === 'string' ? its : error.name;
}

/** Where the error was thrown, unless whoever logged it says what makes it one group. */
function originOf({ error, errorGroup }: Readonly<Record<string, unknown>>): string {
  if (typeof errorGroup === 'string') return errorGroup;
  return error instanceof Error ? (/^\s*at .*$/m.exec(error.stack ?? '')?.[0].trim() ?? '') : '';
}
