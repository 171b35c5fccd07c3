// gw tenants: who has data here; taking a tenant along, bringing it in, and taking it out for good.
import { userInfo } from 'node:os';
import { dropTenant, exportTenant, importTenant, listDroppedTenants, listTenants } from '@groundwork/configuration';
import type { Command } from 'commander';
import { CommandFailed } from '../errors.ts';
import { table } from '../output.ts';
import { onDatabase } from './on-database.ts';
import { withJson, type JsonOption } from './options.ts';

export function addTenantCommands(gw: Command): void {
  const tenants = gw.command('tenants').description('look after whole tenants; needs the login of the migrations');
  addListCommand(tenants);
  withJson(tenants.command('export <tenant> <folder>'))
    .description('write everything of a tenant into a new folder: a file of JSON lines for each table, with checksums')
    .action((tenant: string, folder: string, options: JsonOption) =>
      onDatabase(options, async (url, _settings, output) => {
        const manifest = await exportTenant(url, tenant, folder);
        output.result(manifest, countsText(manifest.tables.map(({ table: name, rows }) => [name, rows])));
      }),
    );
  withJson(tenants.command('import <folder>'))
    .description('bring an exported tenant in, all of it or nothing; its projections then build its read models')
    .action((folder: string, options: JsonOption) =>
      onDatabase(options, async (url, _settings, output) => {
        const report = await importTenant(url, folder, userInfo().username);
        output.result(report, countsText(Object.entries(report.imported)));
      }),
    );
  addDropCommand(tenants);
}

const addListCommand = (tenants: Command): Command =>
  withJson(tenants.command('list'))
    .description('who has data here')
    .option('--dropped', 'who was dropped, when and by whom')
    .action((options: JsonOption & { dropped?: true }) =>
      onDatabase(options, async (url, _settings, output) => {
        if (options.dropped === true) {
          const drops = await listDroppedTenants(url);
          const columns = {
            tenant: ({ tenant }: (typeof drops)[number]) => tenant,
            dropped: ({ droppedAt }: (typeof drops)[number]) => droppedAt.toISOString(),
            by: ({ droppedBy }: (typeof drops)[number]) => droppedBy,
            rows: ({ rows }: (typeof drops)[number]) => Object.values(rows).reduce((sum, count) => sum + count, 0),
          };
          return output.result(drops, drops.length === 0 ? 'No tenant was dropped.' : table(drops, columns));
        }
        const known = await listTenants(url);
        const columns = {
          tenant: ({ tenant }: (typeof known)[number]) => tenant,
          events: ({ events }: (typeof known)[number]) => events,
          'last event': ({ lastRecordedAt }: (typeof known)[number]) => lastRecordedAt?.toISOString(),
        };
        output.result(known, known.length === 0 ? 'No tenant has data.' : table(known, columns));
      }),
    );

const addDropCommand = (tenants: Command): Command =>
  withJson(tenants.command('drop <tenant>'))
    .description('delete everything of a tenant, for good')
    .option('--yes <tenant>', 'the name once more: nothing is asked, and nothing can be taken back')
    .action((tenant: string, options: JsonOption & { yes?: string }) =>
      onDatabase(options, async (url, { persistence }, output) => {
        if (options.yes !== tenant) throw unconfirmed(tenant);
        const rows = await dropTenant(url, tenant, userInfo().username, persistence.archiveDir);
        output.result({ tenant, rows }, countsText(Object.entries(rows)));
      }),
    );

const unconfirmed = (tenant: string): CommandFailed =>
  new CommandFailed(
    'cli.unconfirmed',
    `Everything of tenant ${tenant} would be deleted for good; nothing was.`,
    `Export it first if it may be wanted again. Then: gw tenants drop ${tenant} --yes ${tenant}`,
  );

const countsText = (counts: readonly (readonly [string, number])[]): string =>
  table(counts, { table: ([name]) => name, rows: ([, rows]) => rows });
