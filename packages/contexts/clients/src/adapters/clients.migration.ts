// The table of the client list, who may touch which of its rows, and the indexes its questions need.
import type { MigrationInterface, QueryRunner } from '@groundwork/persistence';

export class Clients1763710000000 implements MigrationInterface {
  readonly name = 'Clients1763710000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [CLIENT, POLICIES, INDEXES, IDS_OF_BUSINESS_TYPE]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop schema clients cascade');
  }
}

// Ids compare byte by byte, so that pages follow the same order in every database. raw_data is text: jsonb would bend
// the payload.
const CLIENT = `
  create schema clients;
  grant usage on schema clients to groundwork_app, groundwork_worker;
  create table clients.client (
    tenant             text not null,
    aggregate_id       text collate "C" not null,
    salesforce_id      text collate "C" not null,
    name               text,
    name_folded        text not null,
    status             text,
    priority           text,
    parent_id          text,
    business_types     text[] not null,
    currency           text,
    billing_country    text,
    industry           text,
    sso_id             text,
    sso_id_c           text,
    sso_id_r           text,
    description        text,
    is_deleted         boolean not null,
    refetch_marked     boolean not null,
    awaiting_backfill  boolean not null,
    told_by            jsonb not null,
    last_modified_at   timestamptz(3),
    system_modified_at timestamptz(3),
    last_activity_at   timestamptz(3),
    created_at         timestamptz(3),
    stream_version     integer not null,
    mapping_version    integer not null,
    raw_data           text,
    constraint client_pk primary key (tenant, aggregate_id),
    constraint client_salesforce_id unique (tenant, salesforce_id)
  );
`;

const POLICIES = `
  alter table clients.client enable row level security, force row level security;
  create policy owner_all on clients.client to groundwork_owner using (true) with check (true);
  create policy own_tenant on clients.client for select to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  create policy own_tenant_writes on clients.client to groundwork_worker
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant select on clients.client to groundwork_app;
  grant select, insert, update, delete on clients.client to groundwork_worker;
`;

// The list is walked in client_listed alone; rows are fetched for the one page that is shown. It carries only columns
// whose length the mapping limits: a B-tree entry ends at 2,704 bytes.
const INDEXES = `
  create index client_listed on clients.client (tenant, aggregate_id) include (status, billing_country) where not is_deleted;
  create index client_deleted on clients.client (tenant, aggregate_id) where is_deleted;
  create index client_by_status on clients.client (tenant, status, aggregate_id) where not is_deleted;
  create index client_by_country on clients.client (tenant, billing_country, aggregate_id) where not is_deleted;
  create index client_by_parent on clients.client (tenant, parent_id, aggregate_id) where not is_deleted;
  create index client_business_types on clients.client using gin (business_types);
`;

// Row-level security lets no operator run before its policy that might tell a secret in an error, and "contains" for
// arrays is not declared free of that: a query of the app could not use the index. The function asks for the tenant of
// the transaction itself, as the policy does.
const IDS_OF_BUSINESS_TYPE = `
  create function clients.ids_of_business_type(wanted text) returns setof text
    language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select aggregate_id from clients.client
     where business_types @> array[wanted] and tenant = nullif(current_setting('groundwork.tenant', true), '')
  $$;
  revoke all on function clients.ids_of_business_type from public;
  grant execute on function clients.ids_of_business_type to groundwork_app;
`;
