// Nothing that a caller says is SQL: types are looked up, names are quoted, indexes are put together here.
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { COPY_TABLE, DECLARE_COLUMNS } from './1763700700000-rebuilds.ts';
import { DECLARE_TABLE } from './1763702200000-declared-shape.ts';
import { DECLARE_INDEXES } from './1763704200000-declared-indexes.ts';
import { replacedFunction } from '../replaced-function.ts';

export class ClosedShapes1763704600000 implements MigrationInterface {
  readonly name = 'ClosedShapes1763704600000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [
      COLUMN_TYPE,
      COLUMN_LIST,
      replacedFunction(DECLARE_COLUMNS, ...TYPES_OF_COLUMNS),
      replacedFunction(DECLARE_TABLE, TYPES_OF_SHAPE),
      DECLARE_CLOSED_INDEXES,
      replacedFunction(COPY_TABLE, OWNED_TABLE),
    ]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of [COPY_TABLE, DECLARE_INDEXES, DECLARE_TABLE, DECLARE_COLUMNS]) {
      await runner.query(replacedFunction(statement));
    }
    await runner.query('drop function groundwork.column_list, groundwork.column_type');
  }
}

// The functions of rebuilds run with the owner's rights, and api and worker call them. A type that somebody else has
// made could bring along a function of its maker, which the owner would run.
const COLUMN_TYPE = `
  create function groundwork.column_type(declared text, of_precision int default null, of_collation text default null)
    returns text language plpgsql stable set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    found_type regtype := declared::regtype;
  begin
    if not exists (select from pg_type t where t.oid = found_type and t.typnamespace = 'pg_catalog'::regnamespace) then
      raise exception '% is no type of PostgreSQL itself', declared using errcode = 'insufficient_privilege';
    end if;
    return format_type(found_type, of_precision) || coalesce(' collate ' || quote_ident(of_collation), '');
  end $$;
  revoke all on function groundwork.column_type from public;
`;

const COLUMN_LIST = `
  create function groundwork.column_list(names jsonb) returns text language sql immutable
    set search_path = groundwork, pg_catalog, pg_temp as $$
    select string_agg(quote_ident(value), ', ' order by ordinality) from jsonb_array_elements_text(names) with ordinality
  $$;
  revoke all on function groundwork.column_list from public;
`;

const TYPES_OF_COLUMNS = [
  [`add column %I %s', target, d.name, d.type)`, `add column %I %s', target, d.name, column_type(d.type))`],
  [
    `using null::%s', target, d.name, d.type, d.type)`,
    `using null::%s', target, d.name, column_type(d.type), column_type(d.type))`,
  ],
] as const;

// Of the definition only the precision of a time is read: type and collation stand beside it.
const TYPES_OF_SHAPE = [
  'select * from jsonb_to_recordset',
  `select d.name, column_type(d.type) as type, d.details,
                 column_type(d.type, substring(d.definition from '^timestamptz\\((\\d)\\)')::int,
                             d.details ->> 'collation') as definition
            from jsonb_to_recordset`,
] as const;

// A definition that is one text comes from a program of the version before: its index stays missing, and is said to be.
const DECLARE_CLOSED_INDEXES = `
  create or replace function groundwork.declare_indexes(target regclass, shape jsonb) returns void language plpgsql
    set search_path = groundwork, pg_catalog, pg_temp as $$
  declare
    part text;
  begin
    for part in
      select format('create index %I on %s using %I (%s)', d.name, target, d.definition ->> 'method',
                    column_list(d.definition -> 'columns'))
             || coalesce(' include (' || column_list(d.definition -> 'include') || ')', '')
             || case when d.definition -> 'where' is null then ''
                     else format(case d.definition -> 'where' ->> 'is'
                                   when 'true' then ' where %I' when 'false' then ' where not %I'
                                   when 'null' then ' where %I is null' when 'not null' then ' where %I is not null' end,
                                 d.definition -> 'where' ->> 'column') end
        from jsonb_to_recordset(shape -> 'indexes') as d (name text, definition jsonb)
       where jsonb_typeof(d.definition) = 'object'
         and not exists (select from pg_index x join pg_class i on i.oid = x.indexrelid
                          where x.indrelid = target and i.relname = d.name)
    loop
      execute part;
    end loop;
  end $$;
`;

// Defaults, checks and policies are copied with a table, and then the owner's: those of another one's table are not.
const OWNED_TABLE = [
  `or origin.relkind <> 'r' then`,
  `or origin.relkind <> 'r'
       or pg_get_userbyid(origin.relowner) <> current_user then`,
] as const;
