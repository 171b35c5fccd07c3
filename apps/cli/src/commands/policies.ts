// gw db policies: whether row-level security keeps tenants apart, in every table that there is.
import { lintPolicies, migrationOf, POLICY_FAULTS, type PolicyFault } from '@groundwork/configuration';
import type { Command } from 'commander';
import { ProblemFound } from '../errors.ts';
import { table } from '../output.ts';
import { productProjections } from '../product.ts';
import { writeMigrationFile } from './migration-file.ts';
import { onDatabase } from './on-database.ts';
import { withJson, type JsonOption } from './options.ts';

interface PoliciesOptions extends JsonOption {
  readonly fix?: true;
  readonly dir: string;
}

export function addPoliciesCommand(database: Command): void {
  withJson(database.command('policies'))
    .description('look for row-level security that keeps nothing apart; exit status 3 when something is found')
    .option('--fix', 'write a migration that does away with it, to be looked through; the database stays as it is')
    .option('--dir <folder>', 'where to write it: the adapters/ of the context', '.')
    .action((options: PoliciesOptions) =>
      onDatabase(options, async (url, settings, output) => {
        const faults = await lintPolicies(url, await productProjections(settings));
        const file = options.fix === true && faults.length > 0 ? await written(options.dir, faults) : undefined;
        output.result({ faults, file: file ?? null }, [report(faults), ...(file ? [`wrote ${file}`] : [])].join('\n'));
        if (faults.length === 0) return;
        throw new ProblemFound(
          'cli.policy-faults-found',
          `${faults.length} faults of row-level security.`,
          'gw db policies --fix writes a migration. Look through it, and bind its class in the module of the context.',
        );
      }),
    );
}

const written = (folder: string, faults: readonly PolicyFault[]): Promise<string> =>
  writeMigrationFile(
    folder,
    migrationOf(
      { up: faults.flatMap(({ up }) => up), down: faults.toReversed().flatMap(({ down }) => down) },
      { name: 'correct-policies', at: new Date() },
    ),
  );

function report(faults: readonly PolicyFault[]): string {
  if (faults.length === 0) return 'Row-level security keeps tenants apart in every table.';
  const rows = table(faults, {
    fault: ({ kind }) => kind,
    table: ({ table: name }) => name,
    policy: ({ policy }) => policy,
    detail: ({ detail }) => detail,
  });
  const kinds = [...new Set(faults.map(({ kind }) => kind))];
  return [rows, '', ...kinds.map((kind) => `${kind}: ${POLICY_FAULTS[kind]}.`)].join('\n');
}
