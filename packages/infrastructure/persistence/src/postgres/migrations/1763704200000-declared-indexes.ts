// Repairs that make the declared indexes again, where the live table has lost them.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class DeclaredIndexes1763704200000 implements MigrationInterface {
  readonly name = 'DeclaredIndexes1763704200000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [DECLARE_INDEXES, BEGIN_INDEXED_REPAIR]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function groundwork.begin_indexed_repair, groundwork.declare_indexes');
  }
}

export const DECLARE_INDEXES = `
  create function groundwork.declare_indexes(target regclass, shape jsonb) returns void language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    part text;
  begin
    for part in
      select format('create index %I on %s %s', d.name, target, d.definition)
        from jsonb_to_recordset(shape -> 'indexes') as d (name text, definition text)
       where d.definition is not null
         and not exists (select from pg_index x join pg_class i on i.oid = x.indexrelid
                          where x.indrelid = target and i.relname = d.name)
    loop
      execute part;
    end loop;
  end $$;
  revoke all on function groundwork.declare_indexes from public;
`;

const BEGIN_INDEXED_REPAIR = `
  create function groundwork.begin_indexed_repair(of_name text, of_table text, new_schema_version int, shape jsonb, out refusal text)
    language plpgsql security definer set search_path = groundwork, pg_catalog, pg_temp as $$
  begin
    select r.refusal into refusal from begin_repair(of_name, of_table, new_schema_version, shape) r;
    if refusal is null then
      perform declare_indexes(p.read_model::regclass, shape)
         from projection p join rebuild r on p.name = r.projection || '~' || r.number
        where r.projection = of_name and r.state = 'building';
    end if;
  end $$;
  revoke all on function groundwork.begin_indexed_repair from public;
  grant execute on function groundwork.begin_indexed_repair to groundwork_app;
`;
