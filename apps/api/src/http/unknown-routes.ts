// Says whether a path is unknown or only the method is wrong.
import { NotFound } from '@groundwork/application';
import { MalformedRequest } from './malformed-request.ts';

/** Knows every route of the server; filled while routes are added. */
export class RouteTable {
  readonly #methodsByPath = new Map<string, Set<string>>();

  add(methods: string | readonly string[], path: string): void {
    const known = this.#methodsByPath.get(path) ?? new Set();
    for (const method of [methods].flat()) known.add(method);
    this.#methodsByPath.set(path, known);
  }

  /** Every route as `METHOD path`. */
  get routes(): readonly string[] {
    return [...this.#methodsByPath].flatMap(([path, methods]) => [...methods].map((method) => `${method} ${path}`));
  }

  /** 405 with Allow when the path has other methods, else 404. */
  faultOf(method: string, url: string): MalformedRequest | NotFound {
    const segments = segmentsOf(url.split('?', 1)[0] ?? '');
    const allowed = [...this.#methodsByPath]
      .filter(([path]) => matches(segmentsOf(path), segments))
      .flatMap(([, methods]) => [...methods]);
    if (allowed.length === 0) {
      return new NotFound('http.unknown-route', 'There is nothing at this path.', '/openapi.json lists what there is.');
    }
    const allow = [...new Set(allowed)].sort().join(', ');
    return new MalformedRequest(
      'http.method-not-allowed',
      `${method.slice(0, 20)} is not possible here.`,
      `Use ${allow}.`,
      {
        status: 405,
        headers: { allow },
      },
    );
  }
}

const segmentsOf = (path: string): readonly string[] => path.split('/').slice(1);

const matches = (pattern: readonly string[], segments: readonly string[]): boolean =>
  pattern.length === segments.length &&
  pattern.every((part, at) => part === segments[at] || (part.startsWith(':') && segments[at] !== ''));
