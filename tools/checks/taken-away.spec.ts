// Plants every change of a schema that the program of the version before would stumble over, and sees it named.
import { describe, expect, it } from '@jest/globals';
import { PLATFORM_MIGRATIONS, type MigrationType } from '@groundwork/persistence';
import { productMigrations, productSettings } from '../../apps/cli/src/product.ts';
import { takenAway } from './taken-away.ts';

const refused: readonly [sql: string, what: string][] = [
  ['alter table shop.item drop column name', 'drops shop.item.name.'],
  ['alter table shop.item rename column name to title', 'renames shop.item.name.'],
  ['alter table shop.item alter column name type integer using 1', 'changes the type of shop.item.name.'],
  ['alter table shop.item alter column name set not null', 'lets shop.item.name no longer be null.'],
  ['alter table shop.item alter column name drop default', 'drops the default of shop.item.name.'],
  [
    'alter table shop.item add column price int not null',
    'adds shop.item.price, which has to have a value: give it a default.',
  ],
  ['alter table shop.item add check (price > 0) not valid', 'adds a constraint to shop.item.'],
  ['alter table shop.item enable row level security', 'hides rows of shop.item by policies.'],
  ['create unique index on shop.item (name)', 'lets shop.item no longer hold equal keys.'],
  [
    'create index on shop.item (name)',
    'locks shop.item while an index is built: create it concurrently, with transaction = false.',
  ],
  ['drop table shop.item', 'drops shop.item.'],
  ['drop schema shop cascade', 'drops shop.'],
  ['drop function shop.price(text)', 'drops shop.price.'],
  ['drop policy own_tenant on shop.item', 'drops policy own_tenant of shop.item.'],
  ['revoke select on shop.item from groundwork_app', 'revokes rights on shop.item.'],
  ['truncate shop.item', 'empties a table.'],
  ['update shop.item set price = 1', 'changes rows of shop.item at once: do it in batches, as a data migration.'],
  ['delete from shop.item', 'changes rows of shop.item at once: do it in batches, as a data migration.'],
  [
    "do $$ begin execute 'drop table shop.item'; end $$",
    'holds a DO block, which nobody can judge: write its statements out.',
  ],
];

const allowed: readonly string[] = [
  'alter table shop.item add column price int',
  'alter table shop.item add column price int not null default 0',
  'create index concurrently on shop.item (name)',
  'drop index shop.item_by_name',
  'create table shop.box (id int not null); alter table shop.box add unique (id); create index on shop.box (id)',
  'create function shop.f() returns int language sql as $$select 1$$; revoke all on function shop.f from public',
  'drop policy own on shop.item; create policy own on shop.item using (true)',
  'grant select on shop.item to groundwork_app',
];

describe('a migration that runs while the version before is still at work', () => {
  it.each(refused)('S4-55 is refused: %s', async (sql, what) => {
    expect(await takenAway([migrationOf(sql)])).toEqual([`Planted1700000000000 ${what}`]);
  });

  it.each(allowed)('S4-55 is allowed: %s', async (sql) => {
    expect(await takenAway([migrationOf(sql)])).toEqual([]);
  });

  it('S4-55 may take away what is named a contraction, which waits for the end of that version', async () => {
    class Contracted1700000000001 extends migrationOf('alter table shop.item drop column name') {
      override readonly phase = 'contract';
    }
    expect(await takenAway([Contracted1700000000001])).toEqual([]);
  });

  it('S4-55 is what every migration of the product is', async () => {
    const migrations = [...PLATFORM_MIGRATIONS, ...(await productMigrations(productSettings({})))];
    expect(migrations.length).toBeGreaterThan(2);
    expect(await takenAway(migrations)).toEqual([]);
  });
});

function migrationOf(sql: string): MigrationType {
  return class Planted1700000000000 {
    async up({ query }: { query(text: string): Promise<unknown> }): Promise<void> {
      await query(sql);
    }
    async down(): Promise<void> {}
  };
}
