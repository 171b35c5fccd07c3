// What a newcomer sees when everything runs: where to look, and two lines to paste.
import { sampleChangeEvent } from './sample-change-event.ts';
import type { Ports } from './start.ts';

export interface Links {
  readonly api: string;
  readonly documentation: string;
  readonly health: readonly string[];
  readonly metrics: readonly string[];
}

export function linksOf(ports: Ports): Links {
  const api = `http://127.0.0.1:${ports.api.number}`;
  const management = [ports.apiManagement, ports.workerManagement].map(({ number }) => `http://127.0.0.1:${number}`);
  return {
    api,
    documentation: `${api}/docs`,
    health: management.map((url) => `${url}/readyz?verbose`),
    metrics: management.map((url) => `${url}/metrics`),
  };
}

/** The text that ends a start; its last line begins with `ready`. Without a token (production) nothing to paste. */
export function welcome(ports: Ports, token: string | undefined): string {
  const { api, documentation, health, metrics } = linksOf(ports);
  return [
    '',
    `API            ${api}`,
    `Documentation  ${documentation}`,
    `Health         ${health.join('  ')}`,
    `Metrics        ${metrics.join('  ')}`,
    ...(token === undefined ? [] : toPaste(api, token)),
    '',
    `ready: ${api} answers; Ctrl-C ends it.`,
    '',
  ].join('\n');
}

const toPaste = (api: string, token: string): string[] => [
  '',
  'Post a Salesforce change event of a client:',
  '',
  `curl -i '${api}/v1/events/salesforce' -H 'authorization: Bearer ${token}' -H 'content-type: application/json' ` +
    `-d '${JSON.stringify(sampleChangeEvent(new Date()))}'`,
  '',
  'and look at the clients:',
  '',
  `curl '${api}/v1/clients' -H 'authorization: Bearer ${token}'`,
];
