// The condition by which a policy keeps tenants apart, and whether an expression insists on it.

/** As it is written in a migration. */
export const TENANT_CONDITION = "tenant = nullif(current_setting('groundwork.tenant', true), '')";

// As PostgreSQL prints it.
const PRINTED = "tenant = NULLIF(current_setting('groundwork.tenant'::text, true), ''::text)";

/** Whether no row of another tenant can meet the expression: the condition is all of it, or stands beside an "and". */
export function insistsOnTenant(expression: string | null): boolean {
  const inner = withoutParentheses(expression ?? '');
  const parts = conjuncts(inner);
  return parts.length > 1 ? parts.some(insistsOnTenant) : inner === PRINTED;
}

function withoutParentheses(expression: string): string {
  const trimmed = expression.trim();
  if (!trimmed.startsWith('(')) return trimmed;
  return closingOf(trimmed) === trimmed.length - 1 ? withoutParentheses(trimmed.slice(1, -1)) : trimmed;
}

/** The parts between the outermost "and"s; one where there is none, or an "or" beside it. */
function conjuncts(expression: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  for (const { at, word } of outerWords(expression)) {
    if (word === 'OR') return [expression];
    if (word !== 'AND') continue;
    parts.push(expression.slice(start, at));
    start = at + word.length;
  }
  return [...parts, expression.slice(start)];
}

/** Words outside of parentheses and texts. */
function* outerWords(expression: string): Generator<{ at: number; word: string }> {
  let depth = 0;
  for (const { 0: token, index } of expression.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\w+/g)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (depth === 0) yield { at: index, word: token };
  }
}

/** Where the parenthesis at the beginning is closed. */
function closingOf(expression: string): number {
  let depth = 0;
  for (const { 0: token, index } of expression.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]/g)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    if (depth === 0) return index;
  }
  return -1;
}
