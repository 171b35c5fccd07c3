// What one tenant's answers say that another's do not, and every question that could bring it out.
import { openApiDocument } from '../http/open-api.ts';
import type { Endpoint } from '@groundwork/application';

export interface Question {
  readonly method: Endpoint['method'];
  readonly path: string;
  /** The value of the other tenant that it names, when it names one. */
  readonly names?: string;
}

/** Every text in a JSON value, however deep. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** Every list: each GET without a parameter in its path. */
export const openQuestions = (endpoints: readonly Endpoint[]): Question[] =>
  endpoints
    .filter(({ method, path }) => method === 'GET' && !path.includes(':'))
    .map(({ method, path }) => ({ method, path }));

/**
 * Each endpoint with each secret in each place of its path, the other places being filled with words that everybody
 * knows, and each list with each secret in each of its query parameters.
 */
export function* namingQuestions(
  endpoints: readonly Endpoint[],
  secrets: readonly string[],
  knownWords: readonly string[],
): Iterable<Question> {
  for (const { method, path, query } of endpoints) {
    const parameters = path.includes(':') || query === undefined ? [] : queryParameters(path, endpoints);
    for (const names of secrets) {
      for (const filled of fillings(path, names, knownWords)) yield { method, path: filled, names };
      for (const parameter of parameters) {
        yield { method, path: `${path}?${parameter}=${encodeURIComponent(names)}`, names };
      }
    }
  }
}

function fillings(path: string, secret: string, knownWords: readonly string[]): string[] {
  const places = [...path.matchAll(/:[A-Za-z]+/g)].map(([place]) => place);
  return places.flatMap((secretPlace) =>
    places
      .filter((place) => place !== secretPlace)
      .reduce(
        (filled, place) =>
          filled.flatMap((one) => knownWords.map((word) => one.replace(place, encodeURIComponent(word)))),
        [path.replace(secretPlace, encodeURIComponent(secret))],
      ),
  );
}

interface Documented {
  readonly paths: Readonly<Record<string, { get?: { parameters: readonly { in: string; name: string }[] } }>>;
}

function queryParameters(path: string, endpoints: readonly Endpoint[]): string[] {
  const { paths } = openApiDocument(endpoints, '0.0.0') as unknown as Documented;
  return (paths[path]?.get?.parameters ?? []).filter((parameter) => parameter.in === 'query').map(({ name }) => name);
}
