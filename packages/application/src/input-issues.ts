// What a schema found, as places in the input.
import type { ZodError } from 'zod';
import type { InputIssue } from './errors.ts';

/** The issues of a schema with JSON Pointers (RFC 6901), in the order in which they were found. */
export function inputIssues(error: Pick<ZodError, 'issues'>): readonly InputIssue[] {
  return error.issues.map((issue) => ({ pointer: pointerOf(issue.path), message: issue.message }));
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
