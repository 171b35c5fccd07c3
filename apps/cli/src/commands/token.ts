// gw token: a bearer token for development, and nothing else on the output.
import { issueDevelopmentToken } from '@groundwork/configuration';
import type { Command } from 'commander';
import { productSettings } from '../product.ts';
import { outputOf, withJson, type JsonOption } from './options.ts';

interface TokenOptions extends JsonOption {
  readonly tenant: string;
  readonly role: string;
}

export function addTokenCommand(gw: Command): void {
  withJson(gw.command('token'))
    .description('print a bearer token for development')
    .option('--tenant <tenant>', 'whose data the token opens', 'demo')
    .option('--role <role>', 'what the token may do; the admin of demo also runs the installation', 'admin')
    .action(async (options: TokenOptions) => {
      const { tenant, role } = options;
      const token = await issueDevelopmentToken(productSettings().security, { tenant, role });
      outputOf(options).result({ token, tenant, role }, token);
    });
}
