// The options that many commands share, and what they lead to.
import { issueDevelopmentToken } from '@groundwork/configuration';
import type { Command } from 'commander';
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

export const outputOf = ({ json }: JsonOption): Output => terminalOutput(json === true);

/** The api that the options name; on a development machine nothing has to be named. */
export async function apiOf({ url, token, tenant }: ApiOptions, settings = productSettings()): Promise<ApiClient> {
  return apiClient({
    url: url ?? localUrl(settings),
    token: token ?? (await issueDevelopmentToken(settings.security, tenant === undefined ? {} : { tenant })),
  });
}

const localUrl = ({ http }: ProductSettings): string => `http://127.0.0.1:${http.port}`;
