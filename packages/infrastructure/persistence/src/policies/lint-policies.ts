// Looks for row-level security that does not keep tenants apart, or that keeps nothing at all.
import type { Projection } from '@groundwork/application';
import { asOwner } from '../postgres/owner-connection.ts';
import { quoted } from '../postgres/read-model-statements.ts';
import { lintReadPolicies } from './lint-read-policies.ts';
import { policyTables, type PolicyTable, type StoredPolicy } from './stored-policies.ts';
import { insistsOnTenant, TENANT_CONDITION } from './tenant-condition.ts';

/** By kind: what is wrong. */
export const POLICY_FAULTS = {
  'row-security-off': 'Row-level security is not enabled and forced: policies hold for nobody, or not for the owner',
  'policy-missing': 'A program has a right that no policy covers: it sees no row, or is refused',
  'tenant-condition-missing': 'A policy lets rows of other tenants through',
  'wrong-table': 'A policy stands on a table without a tenant, or asks another table',
  duplicate: 'Two policies say the same',
  unused: 'No role of a policy may do what it is for',
  'read-policy-missing': 'A projection declares what end users may read, and they may read nothing',
  'read-policy-differs': 'End users may read something else than the projection declares',
  'read-policy-undeclared': 'End users may read a table whose projection does not say so',
} as const;

export type PolicyFaultKind = keyof typeof POLICY_FAULTS;

export interface PolicyFault {
  readonly kind: PolicyFaultKind;
  readonly table: string;
  /** Undefined where there is none. */
  readonly policy: string | undefined;
  readonly detail: string;
  /** SQL for a migration, to be looked through; in the order in which it runs. */
  readonly up: readonly string[];
  readonly down: readonly string[];
}

/**
 * Reads the catalogue only, of all tables, whoever has made them. See `asOwner` for `url`. Throws Misconfigured
 * `projection.read-policy-impossible`.
 */
export const lintPolicies = (url: string, projections: readonly Projection[] = []): Promise<readonly PolicyFault[]> =>
  asOwner(url, { applicationName: 'groundwork-policies', isReadOnly: true }, async (client) => [
    ...(await policyTables(client)).flatMap(faultsOf),
    ...(await lintReadPolicies(client, projections)),
  ]);

function faultsOf(found: PolicyTable): readonly PolicyFault[] {
  if (!found.hasTenant) return found.policies.map((policy) => misplaced(found, policy, 'the table has no tenant'));
  return [
    ...(found.isRowSecurityForced ? [] : [rowSecurityOff(found)]),
    ...uncovered(found),
    ...found.policies.flatMap((policy, at) => {
      const twin = found.policies.slice(0, at).find((other) => saysTheSame(other, policy));
      if (twin !== undefined) return [dropped('duplicate', found, policy, `it says what ${twin.name} says`)];
      if (policy.reads.length > 0) return [misplaced(found, policy, `it asks ${policy.reads.join(', ')}`)];
      if (!policy.isOfUse)
        return [dropped('unused', found, policy, `${policy.command} for ${policy.roles.join(', ')}`)];
      return letsOthersThrough(found, policy) ? [withoutCondition(found, policy)] : [];
    }),
  ];
}

function rowSecurityOff({ table }: PolicyTable): PolicyFault {
  return {
    kind: 'row-security-off',
    table,
    policy: undefined,
    detail: 'enable and force it',
    up: [`alter table ${table} enable row level security, force row level security`],
    down: [`alter table ${table} no force row level security, disable row level security`],
  };
}

/** One policy for each role, for all that it lacks one for. */
const uncovered = ({ table, uncovered: rights }: PolicyTable): readonly PolicyFault[] =>
  [...Map.groupBy(rights, ({ role }) => role)].map(([role, lacking]): PolicyFault => {
    const commands = lacking.map(({ command }) => command);
    const policies = commands.map((command) => skeleton(role, command));
    return {
      kind: 'policy-missing',
      table,
      policy: undefined,
      detail: `${commands.join(', ')} for ${role}`,
      up: policies.map((policy) => creation(table, policy)),
      down: policies.map(({ name }) => removal(table, name)),
    };
  });

type PolicyText = Pick<StoredPolicy, 'name' | 'command' | 'isPermissive' | 'roles' | 'using' | 'check'>;

function skeleton(role: string, command: string): PolicyText {
  const condition = role === OWNER ? 'true' : TENANT_CONDITION;
  return {
    name: role === OWNER ? 'owner_all' : `own_tenant_${command}_${role.replace('groundwork_', '')}`,
    command: command as StoredPolicy['command'],
    isPermissive: true,
    roles: [role],
    using: command === 'insert' ? null : condition,
    check: command === 'select' || command === 'delete' ? null : condition,
  };
}

const OWNER = 'groundwork_owner';

/** The worker reads the whole log, and what else belongs to the platform; nobody else sees more than one tenant. */
function letsOthersThrough({ table }: PolicyTable, policy: StoredPolicy): boolean {
  if (!policy.isPermissive || policy.roles.every((role) => role === OWNER)) return false;
  const isWorkers = policy.roles.every((role) => role === 'groundwork_worker');
  if (isWorkers && policy.command === 'select' && table.startsWith('groundwork.')) return false;
  const reads = policy.command !== 'insert' && !insistsOnTenant(policy.using);
  const writes = policy.check !== null && !insistsOnTenant(policy.check);
  return reads || writes;
}

function withoutCondition({ table }: PolicyTable, policy: StoredPolicy): PolicyFault {
  const narrowed = (expression: string | null): string | null => {
    if (expression === null || insistsOnTenant(expression)) return expression;
    return expression === 'true' ? TENANT_CONDITION : `${TENANT_CONDITION} and (${expression})`;
  };
  const corrected = { ...policy, using: narrowed(policy.using), check: narrowed(policy.check) };
  return {
    kind: 'tenant-condition-missing',
    table,
    policy: policy.name,
    detail: policy.using ?? policy.check ?? '',
    up: [removal(table, policy.name), creation(table, corrected)],
    down: [removal(table, policy.name), creation(table, policy)],
  };
}

const misplaced = (found: PolicyTable, policy: StoredPolicy, detail: string): PolicyFault =>
  dropped('wrong-table', found, policy, detail);

const dropped = (kind: PolicyFaultKind, { table }: PolicyTable, policy: StoredPolicy, detail: string): PolicyFault => ({
  kind,
  table,
  policy: policy.name,
  detail,
  up: [removal(table, policy.name)],
  down: [creation(table, policy)],
});

const saysTheSame = (one: StoredPolicy, other: StoredPolicy): boolean =>
  one.command === other.command &&
  one.isPermissive === other.isPermissive &&
  [...one.roles].sort().join() === [...other.roles].sort().join() &&
  one.using === other.using &&
  one.check === other.check;

const creation = (table: string, { name, command, isPermissive, roles, using, check }: PolicyText): string =>
  [
    `create policy ${quoted(name)} on ${table}`,
    ...(isPermissive ? [] : ['as restrictive']),
    `for ${command} to ${roles.join(', ')}`,
    ...(using === null ? [] : [`using (${using})`]),
    ...(check === null ? [] : [`with check (${check})`]),
  ].join(' ');

const removal = (table: string, name: string): string => `drop policy ${quoted(name)} on ${table}`;
