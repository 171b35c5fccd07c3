// Talks to a running api.
import { ProblemAnswer, Unreachable } from './errors.ts';

export interface ApiClient {
  get<T>(path: string): Promise<T>;
  /** Sends `body` as it is; a command without one sends nothing. */
  post<T>(path: string, body?: string): Promise<T>;
  /** Begins what goes on behind the answer; `location` is where to look. */
  begin<T>(path: string): Promise<{ readonly body: T; readonly location: string }>;
}

export interface ApiAddress {
  readonly url: string;
  readonly token: string;
}

const ANSWER_WAIT_MAX_MS = 30_000;

/** Throws Unreachable when nothing answers, ProblemAnswer when the answer is a problem. */
export function apiClient({ url, token }: ApiAddress): ApiClient {
  const send = async <T>(method: string, path: string, body?: string): Promise<{ body: T; location: string }> => {
    const answer = await reach(url, path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.text();
    if (!answer.ok) throw problemOf(answer, text);
    const answered = (text === '' ? {} : JSON.parse(text)) as T;
    return { body: answered, location: answer.headers.get('location') ?? path };
  };
  return {
    get: async <T>(path: string) => (await send<T>('GET', path)).body,
    post: async <T>(path: string, body?: string) => (await send<T>('POST', path, body)).body,
    begin: (path) => send('POST', path),
  };
}

/** Fetches from `base`; throws Unreachable when no answer comes. */
export async function reach(base: string, path: string, options: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(new URL(path, base), { ...options, signal: AbortSignal.timeout(ANSWER_WAIT_MAX_MS) });
  } catch (error) {
    throw new Unreachable(base, undefined, error);
  }
}

interface Problem {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly next?: string;
}

function problemOf(answer: Response, text: string): ProblemAnswer {
  const problem = parsed(text);
  return new ProblemAnswer(
    answer.status,
    problem.code ?? 'cli.refused',
    problem.detail ?? problem.title ?? answer.statusText,
    problem.next ?? 'Correct the request and send it again.',
    { ...problem },
  );
}

function parsed(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {};
  }
}
