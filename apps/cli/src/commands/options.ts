// The options that many commands share, and what they lead to.
import { issueDevelopmentToken } from '@groundwork/configuration';
import { InvalidArgumentError, type Command } from 'commander';
import { apiClient, type ApiClient } from '../api-client.ts';
import { terminalOutput, type Output } from '../output.ts';
import { productSettings, type ProductSettings } from '../product.ts';

export interface JsonOption {
  readonly json?: true;
}

export interface ApiOptions extends JsonOption {
  readonly url?: string;
  readonly token?: string;
  readonly tenant?: string;
}

export const withJson = (command: Command): Command => command.option('--json', 'print the result as JSON');

export const withApi = (command: Command): Command =>
  withJson(command)
    .option('--url <url>', 'where the api answers (default: this machine, PORT)')
    .option('--token <token>', 'the bearer token to use (default: a development token)')
    .option('--tenant <tenant>', 'the tenant of the development token', 'demo');

export interface LimitOption {
  readonly limit: number;
}

export const withLimit = (command: Command): Command =>
  command.option('--limit <count>', 'how many items to read at most', countOf, 10_000);

export const outputOf = ({ json }: JsonOption): Output => terminalOutput(json === true);

/** The api that the options name; on a development machine nothing has to be named. */
export async function apiOf({ url, token, tenant }: ApiOptions, settings = productSettings()): Promise<ApiClient> {
  return apiClient({
    url: url ?? localUrl(settings),
    token: token ?? (await issueDevelopmentToken(settings.security, tenant === undefined ? {} : { tenant })),
  });
}

const localUrl = ({ http }: ProductSettings): string => `http://127.0.0.1:${http.port}`;

function countOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give a whole number from 1.');
}
