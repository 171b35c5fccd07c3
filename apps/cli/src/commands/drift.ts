// gw projections drift: whether the tables of the read models are as the program declares them.
import { DRIFTS, readModelDrift, type DriftReport } from '@groundwork/configuration';
import type { Command } from 'commander';
import { ProblemFound } from '../errors.ts';
import { table, type Output } from '../output.ts';
import { productEntities, productProjections, type ProductSettings } from '../product.ts';
import { onDatabase } from './on-database.ts';
import { withJson, type JsonOption } from './options.ts';

export function addDriftCommand(projections: Command): void {
  withJson(projections.command('drift'))
    .description('compare the tables of read models with what is declared; exit status 3 when something differs')
    .addHelpText(
      'after',
      '\nReads only. Needs the login of the migrations. --json prints what repair --drift-report reads.',
    )
    .action((options: JsonOption) => onDatabase(options, showDrift));
}

async function showDrift(url: string, settings: ProductSettings, output: Output): Promise<void> {
  const [projections, entities] = await Promise.all([productProjections(settings), productEntities(settings)]);
  const report = await readModelDrift(url, { projections, entities });
  output.result(report, driftText(report));
  const count = report.projections.reduce((sum, { drifts }) => sum + drifts.length, 0);
  if (count === 0) return;
  throw new ProblemFound(
    'cli.drift-found',
    `${count} differences between declared and found.`,
    'gw projections repair --projection NAME builds a read model anew in the declared shape.',
  );
}

function driftText({ projections }: DriftReport): string {
  const rows = projections.flatMap((one) => one.drifts.map((drift) => ({ ...one, ...drift })));
  const looked = `Looked at the tables of ${projections.length} read models.`;
  if (rows.length === 0) return `${looked}\nAll are as they are declared.`;
  const found = table(rows, {
    projection: ({ projection }) => projection,
    drift: ({ kind }) => kind,
    name: ({ name }) => name,
    declared: ({ declared }) => declared,
    found: (row) => row.found,
  });
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const advice = kinds.map((kind) => `${kind}: ${DRIFTS[kind].join('.\n  ')}`);
  return [looked, '', found, '', ...advice].join('\n');
}
