// What a migration takes from programs that still run: they were written for the schema before it.
import type { MigrationType } from '@groundwork/persistence';
import {
  parse,
  type AlterTableCmd,
  type ColumnDef,
  type DropStmt,
  type IndexStmt,
  type Node,
  type RangeVar,
} from 'libpg-query';

/**
 * Everything in the migrations that a program of the version before could stumble over while both run (expand and
 * contract; Sadalage and Fowler, "Evolutionary Database Design", 2016), as sentences. What a migration makes itself it
 * may shape as it likes, and one with `phase = 'contract'` may take away: it runs when no such program is left.
 */
export async function takenAway(migrations: readonly MigrationType[]): Promise<readonly string[]> {
  const breaches = migrations.map(async (Migration) => {
    const migration = new Migration();
    if (migration.phase === 'contract') return [];
    const nodes = await statementsOf(Migration);
    const made = new Set(nodes.flatMap(namesMade));
    return nodes.flatMap((node) => breachesOf(node, made)).map((what) => `${Migration.name} ${what}`);
  });
  return (await Promise.all(breaches)).flat();
}

/** Migrations here are SQL: what they would send is read by PostgreSQL's own parser, without a server. */
async function statementsOf(Migration: MigrationType): Promise<readonly Node[]> {
  const texts: string[] = [];
  const query = async (sql: string): Promise<never[]> => {
    texts.push(sql);
    return [];
  };
  await new Migration().up({ query } as never);
  const { stmts = [] } = await parse(texts.map((text) => text.replace(/;?\s*$/, ';')).join('\n'));
  return stmts.flatMap(({ stmt }) => stmt ?? []);
}

function namesMade(node: Node): string[] {
  if ('CreateStmt' in node) return [relationName(node.CreateStmt.relation)];
  if ('ViewStmt' in node) return [relationName(node.ViewStmt.view)];
  if ('CreateSchemaStmt' in node) return [node.CreateSchemaStmt.schemaname ?? ''];
  if ('CreateFunctionStmt' in node) return [dotted(node.CreateFunctionStmt.funcname)];
  if ('CreatePolicyStmt' in node) {
    const { table, policy_name } = node.CreatePolicyStmt;
    return [`policy ${policy_name} of ${relationName(table)}`];
  }
  return [];
}

function breachesOf(node: Node, made: ReadonlySet<string>): string[] {
  const isOld = (name: string): boolean => !made.has(name);
  if ('DropStmt' in node) {
    const dropped = node.DropStmt.removeType === 'OBJECT_INDEX' ? [] : droppedNames(node.DropStmt);
    return dropped.filter(isOld).map((name) => `drops ${name}.`);
  }
  if ('RenameStmt' in node) {
    const { relation, subname } = node.RenameStmt;
    return [`renames ${[relationName(relation), subname].filter(Boolean).join('.')}.`];
  }
  if ('AlterTableStmt' in node) {
    const { relation, cmds = [] } = node.AlterTableStmt;
    const table = relationName(relation);
    const commands = cmds.flatMap((command) => ('AlterTableCmd' in command ? command.AlterTableCmd : []));
    return isOld(table) ? commands.flatMap((command) => alterations(table, command)) : [];
  }
  if ('IndexStmt' in node) {
    const table = relationName(node.IndexStmt.relation);
    return isOld(table) ? indexBreaches(table, node.IndexStmt) : [];
  }
  if ('GrantStmt' in node) {
    const { is_grant: isGrant, objects = [] } = node.GrantStmt;
    const revoked = isGrant ? [] : objects.map(objectName);
    return revoked.filter(isOld).map((name) => `revokes rights on ${name}.`);
  }
  if ('UpdateStmt' in node) return [rowsChanged(node.UpdateStmt.relation)];
  if ('DeleteStmt' in node) return [rowsChanged(node.DeleteStmt.relation)];
  if ('TruncateStmt' in node) return ['empties a table.'];
  if ('DoStmt' in node) return ['holds a DO block, which nobody can judge: write its statements out.'];
  return [];
}

function alterations(table: string, { subtype, name, def }: AlterTableCmd): string[] {
  const column = `${table}.${name}`;
  switch (subtype) {
    case 'AT_AddColumn': {
      const added = def !== undefined && 'ColumnDef' in def ? def.ColumnDef : {};
      return needsValue(added) ? [`adds ${table}.${added.colname}, which has to have a value: give it a default.`] : [];
    }
    case 'AT_DropColumn':
      return [`drops ${column}.`];
    case 'AT_AlterColumnType':
      return [`changes the type of ${column}.`];
    case 'AT_SetNotNull':
      return [`lets ${column} no longer be null.`];
    case 'AT_ColumnDefault':
      return def === undefined ? [`drops the default of ${column}.`] : [];
    case 'AT_AddConstraint':
      return [`adds a constraint to ${table}.`];
    case 'AT_EnableRowSecurity':
    case 'AT_ForceRowSecurity':
      return [`hides rows of ${table} by policies.`];
    default:
      return [];
  }
}

function needsValue({ constraints = [] }: ColumnDef): boolean {
  const kinds = constraints.flatMap((node) => ('Constraint' in node ? (node.Constraint.contype ?? []) : []));
  const isFilled = kinds.some((kind) => ['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED'].includes(kind));
  return !isFilled && kinds.some((kind) => ['CONSTR_NOTNULL', 'CONSTR_PRIMARY'].includes(kind));
}

function indexBreaches(table: string, { unique, concurrent }: IndexStmt): string[] {
  if (unique) return [`lets ${table} no longer hold equal keys.`];
  return concurrent
    ? []
    : [`locks ${table} while an index is built: create it concurrently, with transaction = false.`];
}

const rowsChanged = (table: RangeVar | undefined): string =>
  `changes rows of ${relationName(table)} at once: do it in batches, as a data migration.`;

function droppedNames({ removeType, objects = [] }: DropStmt): string[] {
  if (removeType !== 'OBJECT_POLICY') return objects.map(objectName);
  // The table's name, then that of its policy.
  return objects.map(listed).map((parts) => `policy ${parts.at(-1)} of ${parts.slice(0, -1).join('.')}`);
}

/** A name as statements about tables, functions and schemas hold it. */
function objectName(object: Node): string {
  if ('RangeVar' in object) return relationName(object.RangeVar);
  if ('ObjectWithArgs' in object) return dotted(object.ObjectWithArgs.objname);
  if ('String' in object) return object.String.sval ?? '';
  return listed(object).join('.');
}

const relationName = ({ schemaname, relname }: RangeVar = {}): string =>
  [schemaname, relname].filter(Boolean).join('.');

const listed = (node: Node): string[] => ('List' in node ? (node.List.items ?? []).map(objectName) : []);

const dotted = (names: readonly Node[] = []): string => names.map(objectName).join('.');
